"""Fail when a problem code cannot be read from the source, or has two kinds. Run through `make lint`.

The rules are those of scripts/generators/error_codes.py: codes are literals, a code has one kind wherever it is raised,
and there is advice (docs/reference/errors.md) about codes only that somebody raises.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script, this is no package

from scripts.generators.errors import complaints


def main() -> int:
    """0: nothing to complain of."""
    found = complaints()
    for line in found:
        sys.stdout.write(line + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
