"""admin users, users role, suspend, reinstate, logout."""

from __future__ import annotations

from typing import Annotated

import typer

from tseeder_cli.commands.options import AsJson, chosen_url, run
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.wire import ROLES

app = typer.Typer(
    help="Accounts: find them, change roles, suspend, reinstate, sign out.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_Who = Annotated[
    str, typer.Argument(metavar="USER", show_default=False, help="The whole address, or the id, of the account.")
]
_Reason = Annotated[
    str,
    typer.Option("--reason", "-r", show_default=False, help="Why, in 10 characters or more; the audit log keeps it."),
]
_Ticket = Annotated[str, typer.Option("--ticket", "-t", show_default=False, help="The id of where it was agreed.")]


@app.command("ls")
def list_all(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", show_default=False, help="Part of the address.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List accounts, newest first."""
    from tseeder_cli.verbs import users

    run(users.list_all(chosen_url(ctx), text=text, limit=limit, as_json=as_json))


@app.command()
def role(
    ctx: typer.Context,
    who: _Who,
    new: Annotated[str, typer.Argument(metavar="ROLE", show_default=False, help="user, support, admin or superadmin.")],
    reason: _Reason,
    ticket: _Ticket,
    as_json: AsJson = False,
) -> None:
    """Change what an account may do; it is signed out. For superadmins; the last one stays one.

    **Example**  `tseeder admin users role ann@example.org support --reason "joins the support desk" --ticket HR-4`
    """
    from tseeder_cli.verbs import users

    if new not in ROLES:
        raise CliError(
            f"{new!r} is no role", code="bad_role", exit_code=ExitCode.USAGE, hint=f"They are: {', '.join(ROLES)}."
        )
    run(users.set_role(chosen_url(ctx), who, new, reason=reason, ticket=ticket, as_json=as_json))


@app.command()
def suspend(ctx: typer.Context, who: _Who, reason: _Reason, ticket: _Ticket, as_json: AsJson = False) -> None:
    """Close an account until it is reinstated: within 5 s its sessions have ended, its keys and links open nothing.

    Its jobs go on: `tseeder cancel` is for its user, and terminating a job for operators.

    **Example**  `tseeder admin users suspend ann@example.org --reason "spreads what is not hers" --ticket AB-17`
    """
    from tseeder_cli.verbs import users

    run(users.set_suspended(chosen_url(ctx), who, suspended=True, reason=reason, ticket=ticket, as_json=as_json))


@app.command()
def reinstate(ctx: typer.Context, who: _Who, reason: _Reason, ticket: _Ticket, as_json: AsJson = False) -> None:
    """Open a suspended account again, with its keys and its links. It has to sign in anew.

    **Example**  `tseeder admin users reinstate ann@example.org --reason "it was somebody else" --ticket AB-17`
    """
    from tseeder_cli.verbs import users

    run(users.set_suspended(chosen_url(ctx), who, suspended=False, reason=reason, ticket=ticket, as_json=as_json))


@app.command()
def logout(ctx: typer.Context, who: _Who, reason: _Reason, ticket: _Ticket, as_json: AsJson = False) -> None:
    """Sign an account out, everywhere. Its keys stay.

    **Example**  `tseeder admin users logout ann@example.org --reason "her laptop was stolen" --ticket AB-17`
    """
    from tseeder_cli.verbs import users

    run(users.log_out(chosen_url(ctx), who, reason=reason, ticket=ticket, as_json=as_json))
