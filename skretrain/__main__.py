"""``python -m skretrain`` is the command ``skretrain``."""

import sys

from .cli import main

sys.exit(main())
