"""`python -m maeday_core`, which is `maeday`."""

import sys

from maeday_core.cli import main

sys.exit(main())
