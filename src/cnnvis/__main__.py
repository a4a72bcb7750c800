"""`python -m cnnvis` is the command line."""

import sys

from cnnvis.cli import main

sys.exit(main())
