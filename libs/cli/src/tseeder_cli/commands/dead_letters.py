"""admin dlq, dlq show, dlq replay."""

from __future__ import annotations

from typing import Annotated

import typer

from tseeder_cli.commands.options import AsJson, chosen_url, run

app = typer.Typer(
    help="What failed for good: list it, see why, try it again.",
    invoke_without_command=True,
    rich_markup_mode="markdown",
)

_Transfer = Annotated[
    str, typer.Argument(metavar="TRANSFER", show_default=False, help="The transfer's id, as the list shows it.")
]


@app.callback()
def dlq(
    ctx: typer.Context,
    code: Annotated[
        str, typer.Option("--reason-code", show_default=False, help="Only what failed for this, such as no_peers.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what failed for good, newest first: transfers on which a job still stands failed.

    What its user retried or deleted is not in the list any more.

    **Examples**

    `tseeder admin dlq`

    `tseeder admin dlq --reason-code no_peers`

    `tseeder admin dlq show 01a1f8b5-2826-7b10-9c1d-3e4f5a6b7c8d`
    """
    from tseeder_cli.verbs import dead_letters

    if ctx.invoked_subcommand is None:
        run(dead_letters.list_all(chosen_url(ctx), code=code, limit=limit, as_json=as_json))


@app.command()
def show(ctx: typer.Context, transfer: _Transfer, as_json: AsJson = False) -> None:
    """Show one: why it failed, each attempt with its agent and its end, and whose jobs wait."""
    from tseeder_cli.verbs import dead_letters

    run(dead_letters.show(chosen_url(ctx), transfer, as_json=as_json))


@app.command()
def replay(
    ctx: typer.Context,
    transfer: _Transfer,
    reason: Annotated[
        str, typer.Option("--reason", prompt="Why", show_default=False, help="Why, in 10 characters or more: audited.")
    ],
    ticket: Annotated[
        str, typer.Option("--ticket", prompt="Ticket", show_default=False, help="Where it was agreed: audited.")
    ],
    as_json: AsJson = False,
) -> None:
    """Try it again: each job that stands failed on it is wanted anew, as if its user had said retry.

    Jobs that are over their users' limits by now stay failed. A repeat goes on with what is left.

    **Example**  `tseeder admin dlq replay 01a1f8b5-2826-7b10-9c1d-3e4f5a6b7c8d --reason "the tracker is back" --ticket
    OPS-17`
    """
    from tseeder_cli.verbs import dead_letters

    run(dead_letters.replay(chosen_url(ctx), transfer, reason, ticket, as_json=as_json))
