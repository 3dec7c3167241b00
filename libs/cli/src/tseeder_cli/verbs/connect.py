"""The client of a command."""

from __future__ import annotations

from tseeder_cli.client import Client
from tseeder_cli.screen import command_name, say
from tseeder_cli.target import find_target, signed_in


def connect(url: str, *, again: bool = False) -> Client:
    """A client of the server that `url` (or the surroundings) names, with the key for it. CliError without one.

    Nobody uses the demo's account without being told; once a command is enough: `again` is for its second client.
    """
    target = signed_in(find_target(url))
    if target.demo_email and not again:
        say(f"as the demo's user, {target.demo_email}; for your own account: {command_name()} login", style="dim")
    return Client(target.url, target.api_key)
