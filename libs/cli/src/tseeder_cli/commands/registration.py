"""register, verify, password reset, password confirm, password change, delete-account."""

from __future__ import annotations

from typing import Annotated

import typer

from tseeder_cli.commands.options import (
    chosen_url,
    read_email,
    read_password,
    read_token,
    require_terminal,
    run,
)
from tseeder_cli.commands.signing_in import code_for, email_of, signed_in
from tseeder_cli.errors import ApiError, CliError

PANEL = "Account"

password = typer.Typer(help="Change the password, or set one anew that was forgotten.", no_args_is_help=True)

_Email = Annotated[str, typer.Argument(metavar="[EMAIL]", show_default=False, help="Asked for if not given.")]
_Token = Annotated[
    str,
    typer.Argument(
        metavar="[TOKEN]",
        show_default=False,
        help="It stands in the mail. Asked for if not given: what is typed here, others on this computer may see.",
    ),
]
_PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
]


def register(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    app.command(name="register", rich_help_panel=PANEL)(sign_up)
    app.command(rich_help_panel=PANEL)(verify)
    app.add_typer(password, name="password", rich_help_panel=PANEL)
    app.command(name="delete-account", rich_help_panel=PANEL)(delete_account)


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
        require_terminal("--accept-terms")
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
def confirm(
    ctx: typer.Context,
    token: _Token = "",
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Read the token (if not given) and the password from lines of stdin."),
    ] = False,
) -> None:
    """Set a new password with the token from the mail. All sessions end; API keys stay.

    **Example**  `tseeder password confirm` asks for both.
    """
    from tseeder_cli.verbs import registration

    token = token or read_token(from_stdin=password_stdin)
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

    With a second factor it takes two codes in a row, since each opens once.

    **Example**  `tseeder password change me@example.org`
    """
    from tseeder_cli.target import find_target
    from tseeder_cli.verbs import registration

    target = find_target(chosen_url(ctx))
    address = email_of(target, email)
    present = read_password(from_stdin=password_stdin)
    secret = read_password(from_stdin=password_stdin, confirm=True, label="New password")
    held, with_code = signed_in(target, address, present)
    run(registration.change_password(held, present, secret, code_for(held) if with_code else ""))


def delete_account(
    ctx: typer.Context,
    email: _Email = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether it is meant.")] = False,
    password_stdin: _PasswordStdin = False,
) -> None:
    """Delete your account for good: sessions and keys at once, jobs, files and links within minutes.

    It takes the password, and with a second factor two codes in a row. To say that it is meant, type the address.

    **Example**  `tseeder delete-account me@example.org`
    """
    from tseeder_cli.target import find_target
    from tseeder_cli.verbs import registration

    target = find_target(chosen_url(ctx))
    address = email_of(target, email)
    if not yes:
        require_terminal()
        question = f"All that {address} has at {target.url} will be gone. Type the address to go on"
        if str(typer.prompt(question, err=True)).strip() != address:
            raise CliError("that is not the address: nothing was done", code="not_confirmed")
    secret = read_password(from_stdin=password_stdin)
    held, with_code = signed_in(target, address, secret)
    run(registration.delete_account(target, held, address, secret, code_for(held) if with_code else ""))
