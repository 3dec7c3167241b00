"""The first admin, users, agents, the audit log."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from tseeder_cli.client import Client
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.local import LocalStack, running_stack
from tseeder_cli.screen import ago, say, show_json, show_table, size
from tseeder_cli.target import Target, find_target
from tseeder_cli.verbs.account import log_in
from tseeder_cli.verbs.connect import connect

AUTH_ENVIRONMENT = "auth-environment.json"
TOKEN_SECONDS = 30.0
EX_ADMIN_EXISTS = 3  # of `python -m tseeder_auth bootstrap-token`


def bootstrap_target(url: str, state: Path | None, token: str) -> Target:
    """Where the first admin is to be made. CliError if nobody there could give a token and none was given."""
    local = running_stack(state) if state else None
    if state is not None and local is None:
        raise CliError(f"no stack runs on {state}", code="no_stack", exit_code=ExitCode.USAGE)
    target = Target(local.server, local.url, "", local) if local else find_target(url)
    if target.local is None and not token:
        raise CliError(
            f"{target.url} is not a stack of this machine: a one-time token is needed",
            code="token_needed",
            exit_code=ExitCode.USAGE,
            hint="Beside its auth service run `python -m tseeder_auth bootstrap-token`, and pass it with --token.",
        )
    return target


async def bootstrap(target: Target, email: str, password: str, token: str = "") -> None:
    """Make the first admin and sign in as that one."""
    if not token:
        assert target.local is not None  # noqa: S101 - bootstrap_target has seen to it
        token = await bootstrap_token(target.local)
    await make_admin(target, token, email, password)
    say(f"{email} is the first admin of {target.url}")
    await log_in(target, email, password)


async def make_admin(target: Target, token: str, email: str, password: str) -> None:
    """Spend the token."""
    async with Client(target.url) as client:
        await client.bootstrap(token, email, password)


async def bootstrap_token(local: LocalStack) -> str:
    """A one-time token from the auth service's own command, run with the environment that the stack gives to it.

    CliError (code "admin_exists") when there is an admin.
    """
    path = local.secrets / AUTH_ENVIRONMENT
    try:
        environment = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CliError(
            f"{path} cannot be read: only who started the stack can make its first admin", code="no_stack_secrets"
        ) from error
    command = (sys.executable, "-m", "tseeder_auth", "bootstrap-token")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env={**os.environ, **environment}
    )
    try:
        async with asyncio.timeout(TOKEN_SECONDS):
            out, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise CliError("auth did not give a token in time", code="token_timeout") from None
    if process.returncode == 0:
        return out.decode().split()[-1]
    raise _no_token(errors.decode("utf-8", "replace"), process.returncode or 0)


def _no_token(said: str, status: int) -> CliError:
    """Why the token command gave none: there is an admin, or the last thing it said."""
    lines = [line for line in said.splitlines() if line.strip()]
    if status == EX_ADMIN_EXISTS:
        return CliError(
            "there is an admin already: a first one cannot be made",
            code="admin_exists",
            exit_code=ExitCode.REFUSED,
            hint="Sign in with `tseeder login`; admins make more users with `tseeder admin create-user`.",
        )
    return CliError(f"auth gave no token (exit {status}): {lines[-1] if lines else 'it said nothing'}", code="no_token")


async def create_user(url: str, email: str, password: str, role: str) -> None:
    """Make an account."""
    async with connect(url) as client:
        user = await client.create_user(email, password, role)
    say(f"{user['email']} can sign in now; role {user['role']}, id {user['user_id']}")


async def agents(url: str, *, as_json: bool) -> None:
    """List the agents."""
    async with connect(url) as client:
        page = await client.agents()
    if as_json:
        show_json(page["items"])
        return
    if not page["items"]:
        say("no agent has ever come")
        return
    rows = [
        (
            agent["agent_id"],
            "draining" if agent["draining"] else "cordoned" if agent["cordoned"] else "ready",
            f"{agent['leases']} of {agent['transfers_capacity']}",
            f"{size(agent['disk_free_bytes'])} of {size(agent['disk_bytes'])}",
            ago(agent["last_heartbeat_at"]),
            agent["software_version"],
        )
        for agent in page["items"]
    ]
    show_table(("AGENT", "STATE", "TRANSFERS", "DISK FREE", "HEARTBEAT", "VERSION"), rows)


async def audit(url: str, *, limit: int, as_json: bool) -> None:
    """List what operators did."""
    async with connect(url) as client:
        page = await client.audit(limit=limit)
    if as_json:
        show_json(page["items"])
        return
    if not page["items"]:
        say("nothing was done yet")
        return
    rows = [
        (ago(entry["at"]), entry["actor_role"], entry["action"], entry["target"], entry["outcome"], entry["reason"])
        for entry in page["items"]
    ]
    show_table(("WHEN", "ROLE", "ACTION", "TARGET", "OUTCOME", "REASON"), rows)
