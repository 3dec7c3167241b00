"""login, logout, whoami, key."""

from __future__ import annotations

from typing import Annotated

import typer

from tseeder_cli.commands.options import AsJson, chosen_url, read_email, read_password, run, run_with_code

PANEL = "Account"


def register(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    for command in (login, logout, whoami, key):
        app.command(rich_help_panel=PANEL)(command)


def login(
    ctx: typer.Context,
    server: Annotated[
        str,
        typer.Argument(metavar="[URL]", show_default=False, help="The server; without it the stack that runs here."),
    ] = "",
    email: Annotated[str, typer.Option("--email", "-e", show_default=False, help="Asked for if not given.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
    ] = False,
) -> None:
    """Sign in: makes an API key for this computer and keeps it in ~/.config/tseeder/config.toml.

    A second factor's code is asked for where there is one. The password is not kept. Several servers can be known at
    once; commands use the one of the last login, unless a stack runs here or --url names another.

    **Examples**

    `tseeder login https://tseeder.example.org`

    `pass tseeder | tseeder login --email me@example.org --password-stdin`
    """
    from tseeder_cli.target import find_target
    from tseeder_cli.verbs import account

    target = find_target(server or chosen_url(ctx))
    address = read_email(email)
    password = read_password(from_stdin=password_stdin)
    run_with_code(lambda code: account.log_in(target, address, password, code))


def logout(ctx: typer.Context) -> None:
    """Forget this computer's API key, and revoke it at the server."""
    from tseeder_cli.verbs import account

    run(account.log_out(chosen_url(ctx)))


def whoami(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Tell which server commands talk to, as whom, and what that account may do."""
    from tseeder_cli.verbs import account

    run(account.whoami(chosen_url(ctx), as_json=as_json))


def key(ctx: typer.Context) -> None:
    """Print the API key that commands use, for curl and for scripts. Keep it to yourself.

    **Example**  `curl -H "Authorization: Bearer $(tseeder key)" http://127.0.0.1:8080/v1/jobs`
    """
    from tseeder_cli.verbs import account

    account.show_key(chosen_url(ctx))
