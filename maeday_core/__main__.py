"""`python -m maeday_core`."""

import sys

from maeday_core.cli import main

sys.exit(main())
