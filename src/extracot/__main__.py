"""`python -m extracot`, for where the script is not on the path."""

import sys

from extracot.cli.main import main

sys.exit(main())
