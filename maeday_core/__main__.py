"""`python -m maeday_core`."""

import sys

from maeday_core.cli.main import main

sys.exit(main())
