"""register, verify, password reset, password confirm, password change."""

from __future__ import annotations

from typing import Annotated

import typer

from tseeder_cli.commands.options import chosen_url, read_email, read_password, require_terminal, run
from tseeder_cli.errors import ApiError, CliError

PANEL = "Account"

password = typer.Typer(help="Change the password, or set one anew that was forgotten.", no_args_is_help=True)

_Email = Annotated[str, typer.Argument(metavar="[EMAIL]", show_default=False, help="Asked for if not given.")]
_Token = Annotated[str, typer.Argument(metavar="TOKEN", show_default=False, help="It stands in the mail.")]
_PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
]


def register(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    app.command(name="register", rich_help_panel=PANEL)(sign_up)
    app.command(rich_help_panel=PANEL)(verify)
    app.add_typer(password, name="password", rich_help_panel=PANEL)


def sign_up(
    ctx: typer.Context,
    email: _Email = "",
    accept_terms: Annotated[
        bool, typer.Option("--accept-terms", help="Accept the server's acceptable-use terms without being asked.")
    ] = False,
    password_stdin: _PasswordStdin = False,
) -> None:
    """Make an account, where the server lets people do that.

    A mail to the address has a token that confirms it: `tseeder verify TOKEN`, then `tseeder login`.

    **Example**  `tseeder --url https://tseeder.example.org register me@example.org`
    """
    from tseeder_cli.verbs import registration

    url = chosen_url(ctx)
    address = read_email(email)
    config = run(registration.terms_of(url))
    if not accept_terms:
        require_terminal()
        where = f" ({config['terms_url']})" if config["terms_url"] else ""
        if not typer.confirm(f"Do you accept the acceptable-use terms {config['terms_version']}{where}?", err=True):
            raise CliError("the terms were not accepted: nothing was done", code="terms_not_accepted")
    secret = read_password(from_stdin=password_stdin, confirm=True)
    run(registration.register(url, address, secret, config["terms_version"]))


def verify(
    ctx: typer.Context,
    token: Annotated[str, typer.Argument(metavar="[TOKEN]", show_default=False, help="It stands in the mail.")] = "",
    resend: Annotated[
        str, typer.Option("--resend", metavar="EMAIL", show_default=False, help="Have another mail sent instead.")
    ] = "",
    password_stdin: _PasswordStdin = False,
) -> None:
    """Confirm the mail address of a new account with the token that was mailed to it.

    The password that you chose is asked for where the address was registered with several.

    **Examples**

    `tseeder verify q3Zr0m2Vw8yT5u...`

    `tseeder verify --resend me@example.org`
    """
    from tseeder_cli.verbs import registration

    if bool(token) == bool(resend):
        raise typer.BadParameter("a token, or --resend with an address")
    url = chosen_url(ctx)
    if resend:
        run(registration.resend(url, read_email(resend)))
        return
    try:
        run(registration.verify(url, token, read_password(from_stdin=True) if password_stdin else ""))
    except ApiError as exc:
        if password_stdin or exc.code != "password_needed":
            raise
        run(registration.verify(url, token, read_password(from_stdin=False)))


@password.command()
def reset(ctx: typer.Context, email: _Email = "") -> None:
    """Forgot it? Have a token mailed that sets a new one.

    **Example**  `tseeder password reset me@example.org`
    """
    from tseeder_cli.verbs import registration

    run(registration.reset_password(chosen_url(ctx), read_email(email)))


@password.command()
def confirm(ctx: typer.Context, token: _Token, password_stdin: _PasswordStdin = False) -> None:
    """Set a new password with the token from the mail. All sessions end; API keys stay.

    **Example**  `tseeder password confirm q3Zr0m2Vw8yT5u...`
    """
    from tseeder_cli.verbs import registration

    secret = read_password(from_stdin=password_stdin, confirm=True, label="New password")
    run(registration.confirm_password(chosen_url(ctx), token, secret))


@password.command()
def change(
    ctx: typer.Context,
    email: _Email = "",
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Read the present and the new password from two lines of stdin."),
    ] = False,
) -> None:
    """Set another password, with the present one. All sessions end; API keys stay.

    **Example**  `tseeder password change me@example.org`
    """
    from tseeder_cli.verbs import registration

    address = read_email(email)
    present = read_password(from_stdin=password_stdin)
    secret = read_password(from_stdin=password_stdin, confirm=True, label="New password")
    run(registration.change_password(chosen_url(ctx), address, present, secret))
