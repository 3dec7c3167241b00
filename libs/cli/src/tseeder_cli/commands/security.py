"""sessions, sessions end, totp on, totp off, totp codes, security."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tseeder_cli.commands.options import AsJson, chosen_url, read_password, run
from tseeder_cli.commands.signing_in import code_for, email_of, signed_in

if TYPE_CHECKING:
    from tseeder_cli.client import HeldSession

PANEL = "Account"

_sessions = typer.Typer(
    help="See where you are signed in, and end what you do not know.",
    invoke_without_command=True,
    rich_markup_mode="markdown",
)
_totp = typer.Typer(
    help="A second factor: codes of an authenticator app beside your password.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_Email = Annotated[
    str, typer.Option("--email", "-e", show_default=False, help="Your address; that of the last login if not given.")
]


def register(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    app.add_typer(_sessions, name="sessions", rich_help_panel=PANEL)
    app.add_typer(_totp, name="totp", rich_help_panel=PANEL)
    app.command("security", rich_help_panel=PANEL)(security_events)


@_sessions.callback()
def sessions(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List your sessions, the last seen first: browsers that are signed in. (API keys, as commands use, are none.)

    **Examples**

    `tseeder sessions`

    `tseeder sessions end 01a1f8b4-77aa`
    """
    from tseeder_cli.verbs import security

    if ctx.invoked_subcommand is None:
        run(security.list_sessions(chosen_url(ctx), as_json=as_json))


@_sessions.command()
def end(
    ctx: typer.Context,
    session: Annotated[
        str, typer.Argument(metavar="[SESSION]", show_default=False, help="Its id, or the beginning of it.")
    ] = "",
    everywhere: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """End a session, or all: that browser has to sign in again, within 5 s."""
    from tseeder_cli.verbs import security

    run(security.end_sessions(chosen_url(ctx), session, everywhere=everywhere))


@_totp.command()
def on(ctx: typer.Context, email: _Email = "") -> None:
    """Switch it on: shows a QR code for the app, asks for the app's first code, and prints recovery codes, this once.

    All browsers have to sign in again; API keys stay.
    """
    from tseeder_cli.verbs import security

    held, password = _signed_in(ctx, email)
    run(security.start_totp(held, password))
    run(security.confirm_totp(held, code_for(held, "Code that the app shows")))


@_totp.command()
def off(ctx: typer.Context, email: _Email = "") -> None:
    """Switch it off. It takes the password and two codes in a row, since each opens once."""
    from tseeder_cli.verbs import security

    held, password = _signed_in(ctx, email)
    run(security.disable_totp(held, password, code_for(held)))


@_totp.command()
def codes(ctx: typer.Context, email: _Email = "") -> None:
    """Print ten new recovery codes; those before open nothing any more. It takes two codes in a row."""
    from tseeder_cli.verbs import security

    held, password = _signed_in(ctx, email)
    code = code_for(held)
    run(security.replace_recovery_codes(held, password, code))


def security_events(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what happened to your account, newest first: sign-ins, failed ones, changes of keys and factors."""
    from tseeder_cli.verbs import security

    run(security.list_events(chosen_url(ctx), limit=limit, as_json=as_json))


def _signed_in(ctx: typer.Context, email: str) -> tuple[HeldSession, str]:
    """A session of its own for what no API key may do, and the password."""
    from tseeder_cli.target import find_target

    target = find_target(chosen_url(ctx))
    address = email_of(target, email)
    password = read_password(from_stdin=False)
    return signed_in(target, address, password)[0], password
