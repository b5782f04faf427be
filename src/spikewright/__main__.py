"""``python -m spikewright``."""

import sys

from spikewright.cli import main

if __name__ == "__main__":
    sys.exit(main())
