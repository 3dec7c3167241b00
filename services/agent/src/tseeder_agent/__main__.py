"""`python -m tseeder_agent`: serve (default)."""

import argparse
import sys

from tseeder_agent.main import build
from tseeder_agent.settings import Settings
from tseeder_kit import lifecycle


def main() -> int:
    """Runs until SIGTERM; gives the exit code."""
    parser = argparse.ArgumentParser(prog="tseeder-agent", description="An agent: swarm in, object storage out.")
    verbs = parser.add_subparsers(dest="verb")
    verbs.add_parser("serve", help="join, and run transfers until SIGTERM (the default)")
    parser.parse_args()
    return lifecycle.main("agent", Settings, build)


if __name__ == "__main__":
    sys.exit(main())
