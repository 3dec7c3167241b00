"""admin bootstrap, create-user, users, agents, drain, undrain, dlq, storage, audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tseeder_cli.commands import dead_letters, storage, users
from tseeder_cli.commands.options import AsJson, chosen_url, read_email, read_password, run
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.wire import ROLES

app = typer.Typer(
    help="For operators: the first admin, users, agents, what failed for good, object storage, the audit log.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.add_typer(dead_letters.app, name="dlq")
app.add_typer(storage.app, name="storage")
app.add_typer(users.app, name="users")

_PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
]


@app.command()
def bootstrap(
    ctx: typer.Context,
    email: Annotated[str, typer.Option("--email", "-e", show_default=False, help="Asked for if not given.")] = "",
    password_stdin: _PasswordStdin = False,
    token: Annotated[
        str,
        typer.Option(
            "--token",
            envvar="TSEEDER_BOOTSTRAP_TOKEN",
            show_default=False,
            help="The one-time token. Not needed for a stack of this machine, which gives it out itself.",
        ),
    ] = "",
    state: Annotated[
        Path | None, typer.Option("--state", envvar="TSEEDER_STATE", show_default=False, help="The stack's folder.")
    ] = None,
) -> None:
    """Make the first admin of a new tseeder, and sign in as that admin.

    Refuses when there is an admin already. For a server elsewhere, run `python -m tseeder_auth bootstrap-token`
    beside its auth service, and pass what it prints with --token.

    **Examples**

    `tseeder admin bootstrap`

    `tseeder --url https://tseeder.example.org admin bootstrap --email me@example.org --token ...`
    """
    from tseeder_cli.verbs import admin

    target = admin.bootstrap_target(chosen_url(ctx), state, token)
    address = read_email(email)
    password = read_password(from_stdin=password_stdin, confirm=True)
    run(admin.bootstrap(target, address, password, token))


@app.command("create-user")
def create_user(
    ctx: typer.Context,
    email: Annotated[str, typer.Argument(metavar="EMAIL", show_default=False)],
    role: Annotated[str, typer.Option("--role", help="user, support, admin or superadmin.")] = "user",
    password_stdin: _PasswordStdin = False,
) -> None:
    """Make an account.

    **Example**  `tseeder admin create-user ann@example.org --role support`
    """
    from tseeder_cli.verbs import admin

    if role not in ROLES:
        raise CliError(
            f"{role!r} is no role", code="bad_role", exit_code=ExitCode.USAGE, hint=f"They are: {', '.join(ROLES)}."
        )
    address = read_email(email)
    password = read_password(from_stdin=password_stdin, confirm=True)
    run(admin.create_user(chosen_url(ctx), address, password, role))


@app.command()
def agents(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the agents: what they run, their disks, their last heartbeat."""
    from tseeder_cli.verbs import admin

    run(admin.agents(chosen_url(ctx), as_json=as_json))


_AgentId = Annotated[
    str, typer.Argument(metavar="AGENT", show_default=False, help="As `tseeder admin agents` names it.")
]
_Reason = Annotated[
    str,
    typer.Option("--reason", "-r", show_default=False, help="Why, in 10 characters or more; the audit log keeps it."),
]
_Ticket = Annotated[str, typer.Option("--ticket", "-t", show_default=False, help="The id of where it was agreed.")]


@app.command()
def drain(ctx: typer.Context, agent: _AgentId, reason: _Reason, ticket: _Ticket, as_json: AsJson = False) -> None:
    """Empty an agent: it sends what is whole, gives every transfer back, and claims nothing until it is undrained.

    Others go on from what is stored. The order stands over restarts of the agent, and beside a cordon. `tseeder admin
    agents` shows `draining`, and `drained` once it holds nothing.

    **Example**  `tseeder admin drain agent-1 --reason "its disk is being replaced" --ticket OPS-17`
    """
    from tseeder_cli.verbs import admin

    run(admin.set_drain(chosen_url(ctx), agent, drain=True, reason=reason, ticket=ticket, as_json=as_json))


@app.command()
def undrain(ctx: typer.Context, agent: _AgentId, reason: _Reason, ticket: _Ticket, as_json: AsJson = False) -> None:
    """Let a drained agent claim again.

    **Example**  `tseeder admin undrain agent-1 --reason "it has a new disk" --ticket OPS-17`
    """
    from tseeder_cli.verbs import admin

    run(admin.set_drain(chosen_url(ctx), agent, drain=False, reason=reason, ticket=ticket, as_json=as_json))


@app.command()
def audit(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what operators did, newest first."""
    from tseeder_cli.verbs import admin

    run(admin.audit(chosen_url(ctx), limit=limit, as_json=as_json))
