"""Which tseeder a command talks to, and with which key."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from tseeder_cli import config, variables
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.local import STACK_PREFIX, LocalStack, default_state, is_starting, running_stack


@dataclass(frozen=True)
class Target:
    """`server` is its name in the configuration; `local` is set when it is a stack of this machine.

    `demo_email` is set when the key is the demo's own account's, because nobody has signed in.
    """

    server: str
    url: str
    api_key: str = field(default="", repr=False)
    local: LocalStack | None = None
    demo_email: str = ""


def find_target(url: str = "") -> Target:
    """The server to talk to: `url` (--url or TSEEDER_URL), the stack that runs here, or the last login, in this order.

    The key is TSEEDER_API_KEY's, that server's from the configuration, for a stack of this machine its demo's, or "".
    """
    known = config.load(config.config_path())
    state = default_state()
    local = running_stack(state)
    if url:
        target = _named(_normal(url), known, local)
    elif local is not None:
        target = _at_home(known, local)
    elif known.current and not variables.read("TSEEDER_STATE"):
        target = _last_login(known)
    elif is_starting(state):
        raise _starting(state)
    elif variables.read("TSEEDER_STATE"):
        raise _stopped(f"no stack runs in {state}", state)
    else:
        raise CliError(
            "no server: nothing runs here, and there is no login",
            code="no_server",
            exit_code=ExitCode.USAGE,
            hint="Start one here with `tseeder up`, or sign in to one: tseeder login https://tseeder.example.org",
        )
    override = variables.read("TSEEDER_API_KEY")
    return replace(target, api_key=override, demo_email="") if override else target


def signed_in(target: Target) -> Target:
    """`target`, if there is a key for it; else CliError telling how to get one."""
    if target.api_key:
        return target
    hint = f"Sign in with: tseeder login {target.url}"
    if target.local is not None:
        hint += "   (no account yet? make the first admin: tseeder admin bootstrap)"
    raise CliError(f"not signed in to {target.url}", code="not_signed_in", exit_code=ExitCode.NOT_SIGNED_IN, hint=hint)


def _named(url: str, known: config.Config, local: LocalStack | None) -> Target:
    if local is not None and local.url == url:
        return _at_home(known, local)
    return Target(url, url, _key(known, url))


def _last_login(known: config.Config) -> Target:
    """The server of the last login, without a key after a logout. A stack of this machine may have another port by
    now, or be stopped.
    """
    if not known.current.startswith(STACK_PREFIX):
        return Target(known.current, known.current, _key(known, known.current))
    state = Path(known.current.removeprefix(STACK_PREFIX))
    local = running_stack(state)
    if local is not None:
        return _at_home(known, local)
    if is_starting(state):
        raise _starting(state)
    raise _stopped(f"the stack of the last login, in {state}, does not run", state)


def _starting(state: Path) -> CliError:
    return CliError(f"the stack in {state} is starting", code="stack_starting", exit_code=ExitCode.UNAVAILABLE)


def _stopped(message: str, state: Path) -> CliError:
    hint = f"Start it with: tseeder up --state {shlex.quote(str(state))}"
    return CliError(message, code="stack_stopped", exit_code=ExitCode.UNAVAILABLE, hint=hint)


def _at_home(known: config.Config, local: LocalStack) -> Target:
    own = _key(known, local.server)
    if own:
        return Target(local.server, local.url, own, local)
    demo_email, demo_key = local.demo_account()
    return Target(local.server, local.url, demo_key, local, demo_email if demo_key else "")


def _key(known: config.Config, server: str) -> str:
    login = known.logins.get(server)
    return login.api_key if login else ""


def _normal(url: str) -> str:
    """`url` without a path's end slash; `https://` is put before a bare host."""
    full = url if "://" in url else f"https://{url}"
    parts = urlsplit(full)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CliError(f"{url!r} is not a URL of a server", code="bad_url", exit_code=ExitCode.USAGE)
    return full.rstrip("/")
