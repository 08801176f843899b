"""``python -m umamba_rt`` is ``umamba-rt``."""

import sys

from umamba_rt.cli import main

sys.exit(main())
