"""What commands share: the options before the command's name, and how a verb is run."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from tseeder_cli.errors import CliError, ExitCode

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the API gave it, instead of a table.")]
JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", show_default=False, help="The job's id, or the beginning of it.")
]


@dataclass(frozen=True)
class Options:
    """The options that stand before the command."""

    url: str = ""


def chosen_url(ctx: typer.Context) -> str:
    """The value of --url or TSEEDER_URL."""
    options = ctx.obj
    return options.url if isinstance(options, Options) else ""


def run(verb: Coroutine[Any, Any, None]) -> None:
    """Run a verb to its end. Ctrl-C cancels it, so that it can tidy up, and then comes out as KeyboardInterrupt."""
    import asyncio

    asyncio.run(verb)


def read_password(*, from_stdin: bool, confirm: bool = False) -> str:
    """From stdin's first line, or asked for without echo."""
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
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True))
    if not password:
        raise CliError("the password is empty", code="empty_password", exit_code=ExitCode.USAGE)
    return password


def read_email(given: str) -> str:
    """`given`, or asked for."""
    if given:
        return given
    if not sys.stdin.isatty():
        raise CliError("there is no e-mail address", code="no_email", exit_code=ExitCode.USAGE, hint="Use --email.")
    return str(typer.prompt("E-mail", err=True)).strip()
