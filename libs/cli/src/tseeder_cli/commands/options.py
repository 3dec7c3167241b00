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


def require_terminal() -> None:
    """CliError where nobody sits who could say yes."""
    if not sys.stdin.isatty():
        raise CliError(
            "there is no terminal to ask at: nothing was done",
            code="no_terminal",
            exit_code=ExitCode.USAGE,
            hint="To do it without being asked, say --yes.",
        )


def read_password(*, from_stdin: bool, confirm: bool = False, label: str = "Password") -> str:
    """From stdin's next line, or asked for without echo."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise CliError(
            "there is no terminal to ask for the password",
            code="no_terminal",
            exit_code=ExitCode.USAGE,
            hint="Pipe it in, with --password-stdin.",
        )
    else:
        password = str(typer.prompt(label, hide_input=True, confirmation_prompt=confirm, err=True))
    if not password:
        raise CliError("the password is empty", code="empty_password", exit_code=ExitCode.USAGE)
    return password


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
