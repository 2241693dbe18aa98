"""`python -m cellsieve`."""

import sys

from cellsieve.cli import main

if __name__ == "__main__":
    sys.exit(main())
