"""`python -m tseeder_gateway` serves."""

from __future__ import annotations

import sys

from tseeder_gateway.main import build
from tseeder_gateway.settings import Settings
from tseeder_kit.lifecycle import main


def run(arguments: list[str]) -> int:
    """`serve` is the only verb, and the default."""
    if arguments not in ([], ["serve"]):
        sys.stderr.write("usage: python -m tseeder_gateway [serve]\n")
        return 64  # EX_USAGE
    return main("gateway", Settings, build)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
