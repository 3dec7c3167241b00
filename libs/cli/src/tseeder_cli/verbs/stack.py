"""Run the whole stack on this machine."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO, cast

from tseeder_cli import variables
from tseeder_cli.config import write_private
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.local import LocalStack, default_state, nearest_state, running_stack
from tseeder_cli.screen import command_name, duration, say
from tseeder_cli.signals import ending
from tseeder_cli.verbs.admin import AUTH_ENVIRONMENT, has_admin
from tseeder_stack.console import Console
from tseeder_stack.errors import AlreadyRunningError, StackError
from tseeder_stack.mail import MailServer
from tseeder_stack.options import StackOptions
from tseeder_stack.s3 import S3Keys, S3Server
from tseeder_stack.stack import Stack

READINESS_SECONDS = 0.1  # how often the programs are looked at, to tell of them
_S3_KINDS = ("auto", "rclone", "radosgw")
_MAIL_SECURITY = ("starttls", "tls", "plain")
_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True)
class UpOptions:
    """What the command line says about the stack. `state` None: the usual folder."""

    state: Path | None = None
    agents: int = 1
    port: int = 0
    s3: str = "auto"
    log_level: str = "info"
    quiet: bool = False

    @property
    def folder(self) -> Path:
        return self.state or default_state()


class _Stderr:
    """Whatever sys.stderr is when something is written: rich puts its own there while a bar is shown."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


async def up(options: UpOptions) -> None:
    """Run the stack until a signal comes."""
    began = time.monotonic()
    async with ending() as wish:
        try:
            async with running(options) as (stack, local):
                _say_ready(stack, local, time.monotonic() - began, options, is_new=not await has_admin(local))
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not wish.asked:
                raise
    say("stopped")


@asynccontextmanager
async def running(options: UpOptions) -> AsyncIterator[tuple[Stack, LocalStack]]:
    """The stack, ready, and stopped at the end. CliError if it cannot start."""
    console = Console(cast(TextIO, _Stderr()), programs=not options.quiet)
    stack = Stack(_stack_options(options, console))
    readiness = _Readiness(stack, console.notice)
    teller = asyncio.create_task(readiness.watch())
    try:
        async with stack:
            readiness.look()
            local = LocalStack(options.folder.resolve(), stack.gateway_url, Path(stack.info["secrets"]))
            _keep_auth_environment(stack, local)
            yield stack, local
            say("stopping")
    except AlreadyRunningError as error:
        raise _running_already(options.folder, error) from error
    except StackError as error:
        raise CliError(str(error), code="stack_failed", exit_code=ExitCode.UNAVAILABLE) from error
    finally:
        teller.cancel()
        with suppress(asyncio.CancelledError):
            await teller


def _keep_auth_environment(stack: Stack, local: LocalStack) -> None:
    """For `tseeder admin bootstrap`, which runs auth's own command from another process."""
    write_private(local.secrets / AUTH_ENVIRONMENT, json.dumps(dict(stack.env("auth"))))


class _Readiness:
    """Says of each program when it is ready, and when it is again after a restart."""

    def __init__(self, stack: Stack, tell: Callable[[str], None]) -> None:
        self._stack = stack
        self._tell = tell
        self._began = time.monotonic()
        self._told: dict[str, int] = {}  # restarts, when it was last said to be ready

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            self.look()
            await asyncio.sleep(READINESS_SECONDS)

    def look(self) -> None:
        """Say what is new."""
        for name in self._stack.names:
            program = self._stack.info["programs"][name]
            if program["ready"] and self._told.get(name) != program["restarts"]:
                again = " again" if name in self._told else f" after {duration(time.monotonic() - self._began)}"
                self._told[name] = program["restarts"]
                self._tell(f"{name} is ready{again}" + (f"  {program['url']}" if program["url"] else ""))


def _running_already(folder: Path, error: AlreadyRunningError) -> CliError:
    local = running_stack(folder)
    hint = f"It is {local.url}: use it from here as it is." if local else "It is starting, or stopping."
    return CliError(str(error), code="already_running", exit_code=ExitCode.REFUSED, hint=hint)


def _say_ready(stack: Stack, local: LocalStack, seconds: float, options: UpOptions, *, is_new: bool) -> None:
    name = command_name()
    # Commands find the stack of this folder and of those below by themselves.
    elsewhere = options.state is not None and options.state.resolve() != nearest_state().resolve()
    state = f" --state {shlex.quote(str(options.state))}" if elsewhere else ""
    say("", f"tseeder is up: {local.url}", style="bold green")
    say(f"  {len(stack.names)} programs in {duration(seconds)}; S3 is {stack.s3.kind} at {stack.s3.endpoint}")
    if is_new:
        say(f"  first admin   {name} admin bootstrap{state}     (in another terminal, once; signs you in)")
    else:
        say(f"  sign in       {name} login {local.url}     (in another terminal)")
    say(f"  API           {local.url}/openapi.json")
    say(f"  mail          {_where_mail_lands(stack, local)}")
    say(f"  logs          {local.state / 'logs'}")
    say(f"  what runs     {local.state / 'stack.json'}")
    say("  stop          Ctrl-C", "")


def _where_mail_lands(stack: Stack, local: LocalStack) -> str:
    """The embedded mail server sends nothing on."""
    urls = stack.info["urls"]
    return f"lands in {local.state / 'mail' / 'new'}" if "mail" in urls else f"goes to {urls['smtp']}"


def _stack_options(options: UpOptions, console: Console) -> StackOptions:
    if options.s3 not in _S3_KINDS or options.log_level not in _LEVELS:
        wrong = f"--s3 {options.s3}" if options.s3 not in _S3_KINDS else f"--log-level {options.log_level}"
        allowed = _S3_KINDS if options.s3 not in _S3_KINDS else _LEVELS
        raise CliError(f"{wrong}: use {', '.join(allowed)}", code="usage", exit_code=ExitCode.USAGE)
    return StackOptions(
        state=options.folder,
        agents=options.agents,
        gateway_port=options.port,
        s3=cast(Literal["auto", "rclone", "radosgw"], options.s3),
        external_s3=_external_s3(),
        postgres_url=_setting("POSTGRES_URL") or None,
        nats_url=_setting("NATS_URL") or None,
        external_mail=_external_mail(),
        log_level=options.log_level,
        console=console,
    )


def _external_mail() -> MailServer | None:
    """The mail server that the environment names, if it names one."""
    host = _setting("SMTP_HOST")
    if not host:
        return None
    port, security = _setting("SMTP_PORT") or "587", _setting("SMTP_SECURITY") or "starttls"
    if not port.isdigit() or security not in _MAIL_SECURITY or not _setting("SMTP_FROM"):
        raise CliError(
            "with TSEEDER_STACK_SMTP_HOST also set TSEEDER_STACK_SMTP_FROM, and if need be _SMTP_PORT (a number) and "
            f"_SMTP_SECURITY ({', '.join(_MAIL_SECURITY)})",
            code="usage",
            exit_code=ExitCode.USAGE,
        )
    username, password = _setting("SMTP_USERNAME"), _setting("SMTP_PASSWORD")
    return MailServer(host, int(port), security, username, password, _setting("SMTP_FROM"))


def _external_s3() -> S3Server | None:
    """The S3 server that the environment names, if it names one."""
    endpoint = _setting("S3_ENDPOINT")
    if not endpoint:
        return None
    missing = [name for name in ("S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY") if not _setting(name)]
    if missing:
        names = ", ".join(f"TSEEDER_STACK_{name}" for name in missing)
        raise CliError(f"with TSEEDER_STACK_S3_ENDPOINT also set {names}", code="usage", exit_code=ExitCode.USAGE)
    jobs = S3Keys(_setting("S3_ACCESS_KEY"), _setting("S3_SECRET_KEY"))
    agent = S3Keys(_setting("S3_AGENT_ACCESS_KEY"), _setting("S3_AGENT_SECRET_KEY"))
    region = _setting("S3_REGION") or "us-east-1"
    return S3Server(endpoint, region, _setting("S3_BUCKET"), jobs, agent if agent.access else jobs, "external")


def _setting(name: str) -> str:
    return variables.read(f"TSEEDER_STACK_{name}")
