"""The first admin, users, agents, the audit log."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from tseeder_cli.client import Client
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.local import DEMO_ACCOUNT, LocalStack, running_stack
from tseeder_cli.screen import ago, say, show_json, show_table, size
from tseeder_cli.target import Target, find_target
from tseeder_cli.verbs.account import log_in
from tseeder_cli.verbs.connect import connect
from tseeder_cli.wire import Agent, AuditEntry

AUTH_ENVIRONMENT = "auth-environment.json"
AUTH_SECONDS = 30.0
EX_REFUSED = 3  # of `python -m tseeder_auth`: there is an admin, or such a user, already
OPERATORS = ("admin", "superadmin")
SILENT_SECONDS = 60.0  # an agent that has not been heard for so long is not there any more


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
        token = await _first_token(target.local)
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
    status, out, errors = await _auth_command(local, "bootstrap-token")
    if status == 0:
        return out.split()[-1]
    if status == EX_REFUSED:
        raise CliError(
            "there is an admin already: a first one cannot be made",
            code="admin_exists",
            exit_code=ExitCode.REFUSED,
            hint="Sign in with `tseeder login`; admins make more users with `tseeder admin create-user`.",
        )
    raise _failed("token", status, errors)


async def has_admin(local: LocalStack) -> bool:
    """Whether the stack's first admin was made."""
    status, out, errors = await _auth_command(local, "has-admin")
    if status != 0:
        raise _failed("answer", status, errors)
    return out.strip() == "yes"


async def add_user(local: LocalStack, email: str, password: str) -> None:
    """Make an ordinary user of a stack of ours, without an admin. CliError (code "email_taken") if there is one."""
    status, _, errors = await _auth_command(local, "add-user", email, stdin=password + "\n")
    if status == EX_REFUSED:
        raise CliError(f"there is a user {email} already", code="email_taken", exit_code=ExitCode.REFUSED)
    if status != 0:
        raise _failed("user", status, errors)


async def _auth_command(local: LocalStack, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    """Run a verb of the auth service beside the stack's; returns its status and what it printed."""
    path = local.secrets / AUTH_ENVIRONMENT
    try:
        environment = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CliError(
            f"{path} cannot be read: only who started the stack can do this", code="no_stack_secrets"
        ) from error
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tseeder_auth", *arguments),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env={**os.environ, **environment},
    )
    try:
        async with asyncio.timeout(AUTH_SECONDS):
            out, errors = await process.communicate(stdin.encode())
    except TimeoutError:
        process.kill()
        await process.wait()
        raise CliError("auth's own command did not end in time", code="auth_timeout") from None
    return process.returncode or 0, out.decode("utf-8", "replace"), errors.decode("utf-8", "replace")


def _failed(what: str, status: int, said: str) -> CliError:
    """The last thing that the command said."""
    lines = [line for line in said.splitlines() if line.strip()]
    return CliError(
        f"auth gave no {what} (exit {status}): {lines[-1] if lines else 'it said nothing'}",
        code="auth_failed",
    )


async def _first_token(local: LocalStack) -> str:
    """As bootstrap_token; if the admin that there is already is the demo's user, its error says how to be that one."""
    try:
        return await bootstrap_token(local)
    except CliError as error:
        if error.code == "admin_exists" and await _is_demos(local):
            email, _ = local.demo_account()
            error.message = f"there is an admin already: {email}, whom an earlier demo made"
            error.hint = (
                f"Its password is in {local.demo_folder / DEMO_ACCOUNT}: tseeder login --email {email}\n"
                f"  Then make your own: tseeder admin create-user me@example.org --role superadmin"
            )
        raise


async def _is_demos(local: LocalStack) -> bool:
    """Whether the demo's account is an operator's, as demos of before made it."""
    _, key = local.demo_account()
    if not key:
        return False
    try:
        async with Client(local.url, key) as client:
            return (await client.me())["role"] in OPERATORS
    except CliError:
        return False  # then it is no help to name it


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
            _agent_state(agent),
            f"{agent['leases']} of {agent['transfers_capacity']}",
            f"{size(agent['disk_free_bytes'])} of {size(agent['disk_bytes'])}",
            ago(agent["last_heartbeat_at"]),
            agent["software_version"],
        )
        for agent in page["items"]
    ]
    show_table(("AGENT", "STATE", "TRANSFERS", "DISK FREE", "HEARTBEAT", "VERSION"), rows)


def _agent_state(agent: Agent) -> str:
    heard = agent["last_heartbeat_at"]
    if heard is None or (datetime.now(UTC) - datetime.fromisoformat(heard)).total_seconds() > SILENT_SECONDS:
        return "away"
    if agent["drain_ordered"]:
        return "draining" if agent["leases"] else "drained"
    return "stopping" if agent["draining"] else "cordoned" if agent["cordoned"] else "ready"


async def set_drain(url: str, agent_id: str, *, drain: bool, reason: str, ticket: str, as_json: bool) -> None:
    """Order an agent to give everything back, or take that order back."""
    async with connect(url) as client:
        agent = await client.set_drain(agent_id, drain=drain, reason=reason, ticket_id=ticket)
    if as_json:
        show_json(agent)
    elif not drain:
        say(f"{agent_id} may claim again" + (", once it is uncordoned, too" if agent["cordoned"] else ""))
    elif agent["leases"]:
        say(
            f"{agent_id} gives back the {agent['leases']} that it runs, and claims nothing",
            "`tseeder admin agents` shows when it is drained",
        )
    else:
        say(f"{agent_id} holds nothing, and claims nothing until it is undrained")


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
        (ago(entry["at"]), _actor(entry), entry["action"], _audited(entry), _outcome(entry), entry["reason"])
        for entry in page["items"]
    ]
    show_table(("WHEN", "WHO", "ACTION", "TARGET", "OUTCOME", "REASON"), rows)


def _actor(entry: AuditEntry) -> str:
    return f"{entry.get('actor_email') or entry['actor_user_id']} ({entry['actor_role']})"


def _audited(entry: AuditEntry) -> str:
    """Whom or what it was done to. The log holds no address of a user who was never made."""
    if entry["action"] == "user.create" and entry["outcome"] == "refused":
        return "(nobody)"
    return entry.get("target_email") or entry["target"]


def _outcome(entry: AuditEntry) -> str:
    code = (entry["details"] or {}).get("outcome_code")
    return f"{entry['outcome']}: {code}" if code else entry["outcome"]
