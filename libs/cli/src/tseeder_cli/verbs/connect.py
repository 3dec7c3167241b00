"""The client of a command."""

from __future__ import annotations

from tseeder_cli.client import Client
from tseeder_cli.target import find_target, signed_in


def connect(url: str) -> Client:
    """A client of the server that `url` (or the surroundings) names, with the key for it. CliError without one."""
    target = signed_in(find_target(url))
    return Client(target.url, target.api_key)
