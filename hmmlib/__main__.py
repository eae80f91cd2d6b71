"""``python -m hmmlib``: the command line, see `hmmlib.cli`."""

import sys

from hmmlib.cli import main

if __name__ == "__main__":
    sys.exit(main())
