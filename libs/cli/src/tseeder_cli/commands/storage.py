"""admin storage, storage cleanup."""

from __future__ import annotations

from typing import Annotated

import typer

from tseeder_cli.commands.options import AsJson, chosen_url, run

app = typer.Typer(
    help="Object storage: what it holds, what was left behind there, cleaning up.",
    invoke_without_command=True,
    rich_markup_mode="markdown",
)


@app.callback()
def storage(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show what object storage holds, and what the sweeps found left behind there when they last looked.

    **Examples**

    `tseeder admin storage`

    `tseeder admin storage cleanup`

    `tseeder admin storage cleanup --apply --reason "left over from the migration" --ticket OPS-17`
    """
    from tseeder_cli.verbs import storage as verbs

    if ctx.invoked_subcommand is None:
        run(verbs.show(chosen_url(ctx), as_json=as_json))


@app.command()
def cleanup(
    ctx: typer.Context,
    apply: Annotated[bool, typer.Option("--apply", help="Deal with what is found, instead of only saying so.")] = False,
    unknown: Annotated[
        bool,
        typer.Option(
            "--unknown",
            help="Also what lies under keys like ours that the database never heard of. Only where nothing else "
            "writes to the bucket.",
        ),
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", "-r", show_default=False, help="Why, in 10 characters or more: audited.")
    ] = "",
    ticket: Annotated[
        str, typer.Option("--ticket", "-t", show_default=False, help="Where it was agreed: audited.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Look through the bucket now: objects that no row owns, rows whose object is gone, uploads without an owner.

    Says what would be done. With --apply orphans are deleted, strays aborted, and the owners of what is gone told, so
    that a retry fetches it again. What is being written at the moment is left alone.

    **Example**  `tseeder admin storage cleanup --apply --reason "left over from the migration" --ticket OPS-17`
    """
    from tseeder_cli.verbs import storage as verbs

    run(verbs.clean(chosen_url(ctx), apply=apply, unknown=unknown, reason=reason, ticket=ticket, as_json=as_json))
