"""What commands share: the options before the command's name, and how a verb is run."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer

from tseeder_cli.errors import CliError, ExitCode

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the API gave it, instead of a table.")]
JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", show_default=False, help="The job's id, or the beginning of it.")
]


_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True)
class Options:
    """The options that stand before the command."""

    url: str = ""


def chosen_url(ctx: typer.Context) -> str:
    """The value of --url or TSEEDER_URL."""
    options = ctx.obj
    return options.url if isinstance(options, Options) else ""


def run(verb: Coroutine[Any, Any, T]) -> T:
    """Run a verb to its end. Ctrl-C cancels it, so that it can tidy up, and then comes out as KeyboardInterrupt.

    A verb must not ask anything: Ctrl-C would not reach the prompt.
    """
    import asyncio

    return asyncio.run(verb)


def require_terminal(option: str = "--yes") -> None:
    """CliError where nobody sits who could say yes; `option` says it instead."""
    if not sys.stdin.isatty():
        raise CliError(
            "there is no terminal to ask at: nothing was done",
            code="no_terminal",
            exit_code=ExitCode.USAGE,
            hint=f"To do it without being asked, say {option}.",
        )


def read_password(*, from_stdin: bool, confirm: bool = False, label: str = "Password") -> str:
    """From stdin's next line, or asked for without echo."""
    return _secret("password", label, from_stdin=from_stdin, confirm=confirm)


def read_token(*, from_stdin: bool) -> str:
    """One that was mailed, as `read_password`: given as an argument, others on this computer would see it."""
    return _secret("token", "Token, from the mail", from_stdin=from_stdin, confirm=False).strip()


def _secret(what: str, label: str, *, from_stdin: bool, confirm: bool) -> str:
    if from_stdin:
        secret = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise CliError(
            f"there is no terminal to ask for the {what}",
            code="no_terminal",
            exit_code=ExitCode.USAGE,
            hint="Pipe it in, with --password-stdin.",
        )
    else:
        secret = str(typer.prompt(label, hide_input=True, confirmation_prompt=confirm, err=True))
    if not secret:
        raise CliError(f"the {what} is empty", code=f"empty_{what}", exit_code=ExitCode.USAGE)
    return secret


def read_code(prompt: str = "Code of your second factor") -> str:
    """Asked for; it is good once, so it may be seen."""
    if not sys.stdin.isatty():
        raise CliError(
            "this account has a second factor, and there is no terminal to ask for its code",
            code="no_terminal",
            exit_code=ExitCode.USAGE,
            hint="Make an API key elsewhere, and set TSEEDER_API_KEY.",
        )
    return str(typer.prompt(prompt, err=True)).strip()


def run_with_code(verb: Callable[[str], Coroutine[Any, Any, T]]) -> T:
    """Run a verb that signs in; if the server wants a second factor, ask for its code and run it once more."""
    try:
        return run(verb(""))
    except CliError as error:
        if error.code != "second_factor_required":
            raise
    return run(verb(read_code()))


def read_email(given: str) -> str:
    """`given`, or asked for. CliError for what cannot be an address, before a password is asked for."""
    if not given and not sys.stdin.isatty():
        raise CliError("there is no e-mail address", code="no_email", exit_code=ExitCode.USAGE, hint="Use --email.")
    email = (given or str(typer.prompt("E-mail", err=True))).strip()
    if not _EMAIL.fullmatch(email):
        raise CliError(f"{email!r} is not an e-mail address", code="bad_email", exit_code=ExitCode.USAGE)
    return email
