"""add, cached, ls, watch, why, pause, resume, retry, cancel, rename, priority, rm, usage."""

from __future__ import annotations

from typing import Annotated

import typer

from tseeder_cli.commands.options import AsJson, JobArgument, chosen_url, require_terminal, run
from tseeder_cli.errors import CliError
from tseeder_cli.wire import JOB_STATES

PANEL = "Jobs"


def register(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    for command in (add, cached, ls, watch, why, pause, resume, retry, cancel, rename, priority, rm, usage):
        app.command(rich_help_panel=PANEL)(command)


def add(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", show_default=False, help="A magnet URI, a .torrent file, or an info-hash in hex."
        ),
    ],
    *,
    name: Annotated[str, typer.Option("--name", help="Call the job so, instead of by the torrent's own name.")] = "",
    select: Annotated[
        str, typer.Option("--select", metavar="INDEXES", help="Only these files, as in 0,2,5-9. Default: all.")
    ] = "",
    priority: Annotated[
        str,
        typer.Option("--priority", metavar="PRIORITY", help="Before or after your other jobs: low, normal or high."),
    ] = "",
    watch_it: Annotated[bool, typer.Option("--watch", "-w", help="Stay and watch until the job has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Submit a job: a magnet, a .torrent or an info-hash.

    Prints the job's id. Put a magnet in quotes: it holds characters that the shell would take for itself.

    **Examples**

    `tseeder add ubuntu.torrent --watch`

    `tseeder add 'magnet:?xt=urn:btih:...' --name "My film"`

    `tseeder add season.torrent --select 0,2,5-9 --priority high`
    """
    from tseeder_cli.verbs import jobs

    url = chosen_url(ctx)
    run(jobs.add(url, source, name=name, select=select, priority=priority, watching=watch_it, as_json=as_json))


def cached(
    ctx: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", show_default=False, help="Info-hashes, magnets in quotes, .torrent files."),
    ],
    as_json: AsJson = False,
) -> None:
    """Ask what is stored already: a job for it would be completed at once.

    Adds no job. Sends info-hashes only, no trackers and no .torrent. How much you may know depends on the server: of
    all public torrents, or of your own jobs.

    **Examples**

    `tseeder cached season.torrent 'magnet:?xt=urn:btih:...'`

    `tseeder cached --json *.torrent | jq -r '.[].state'`
    """
    from tseeder_cli.verbs import cached as asking

    run(asking.cached(chosen_url(ctx), sources, as_json=as_json))


def ls(
    ctx: typer.Context,
    state: Annotated[
        str, typer.Option("--state", help=f"Only jobs in this state: {', '.join(JOB_STATES)}.", show_default=False)
    ] = "",
    text: Annotated[str, typer.Option("--text", help="Only jobs with this in their name.", show_default=False)] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List your jobs, newest first.

    Of jobs that are being fetched it waits up to 1.5 s for news from their agents; of the newest 12.

    **Examples**

    `tseeder ls --state downloading`

    `tseeder ls --json | jq -r '.[].job_id'`
    """
    from tseeder_cli.verbs import jobs

    run(jobs.ls(chosen_url(ctx), state=state, text=text, limit=limit, as_json=as_json))


def watch(
    ctx: typer.Context,
    job: JobArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as one line of JSON.")] = False,
) -> None:
    """Watch a job live: rate, peers, ETA, and how much is in the object store already.

    Ends with the job: status 0 if it completed, 1 if it did not. Ctrl-C stops watching, not the job.

    **Example**  `tseeder watch 0193a1b2-c3d4`
    """
    from tseeder_cli.verbs import jobs

    run(jobs.watch(chosen_url(ctx), job, as_json=as_json))


def why(ctx: typer.Context, job: JobArgument, as_json: AsJson = False) -> None:
    """Tell why a job is where it is, since when, and what you can do about it.

    Shows what was seen of the swarm, of your own trackers, of the queue, and each agent's attempt. --json has a stable
    `verdict` to decide by.

    **Examples**

    `tseeder why 0193a1b2-c3d4`

    `tseeder why 0193a1b2-c3d4 --json | jq -r .verdict`
    """
    from tseeder_cli.verbs import why as verb

    run(verb.why(chosen_url(ctx), job, as_json=as_json))


def pause(ctx: typer.Context, job: JobArgument, as_json: AsJson = False) -> None:
    """Pause a job; `tseeder resume` goes on where it was."""
    _act(ctx, job, "pause", as_json=as_json)


def resume(ctx: typer.Context, job: JobArgument, as_json: AsJson = False) -> None:
    """Let a paused job go on."""
    _act(ctx, job, "resume", as_json=as_json)


def retry(ctx: typer.Context, job: JobArgument, as_json: AsJson = False) -> None:
    """Try a failed or cancelled job again; what is stored already is not fetched twice."""
    _act(ctx, job, "retry", as_json=as_json)


def cancel(ctx: typer.Context, job: JobArgument, as_json: AsJson = False) -> None:
    """Stop a job for good. Files that are stored already stay; `tseeder rm` removes them too."""
    _act(ctx, job, "cancel", as_json=as_json)


def _act(ctx: typer.Context, job: str, verb: str, *, as_json: bool) -> None:
    from tseeder_cli.verbs import jobs

    run(jobs.act(chosen_url(ctx), job, verb, as_json=as_json))


def rename(
    ctx: typer.Context,
    job: JobArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help='Its new name; "": the torrent\'s.')],
    as_json: AsJson = False,
) -> None:
    """Call a job something else.

    **Example**  `tseeder rename 0193a1b2-c3d4 "My film"`
    """
    from tseeder_cli.verbs import jobs

    run(jobs.rename(chosen_url(ctx), job, name, as_json=as_json))


def priority(
    ctx: typer.Context,
    job: JobArgument,
    level: Annotated[str, typer.Argument(metavar="PRIORITY", show_default=False, help="low, normal or high.")],
    as_json: AsJson = False,
) -> None:
    """Let a job go before or after your other ones.

    It orders what waits for an agent, among your own jobs; what runs already runs on.

    **Example**  `tseeder priority 0193a1b2-c3d4 high`
    """
    from tseeder_cli.verbs import jobs

    run(jobs.set_priority(chosen_url(ctx), job, level, as_json=as_json))


def rm(
    ctx: typer.Context,
    names: Annotated[
        list[str], typer.Argument(metavar="JOB...", show_default=False, help="Jobs' ids, or the beginnings of them.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete jobs with all of their files.

    Asks first; where there is nobody to ask it deletes nothing without --yes.

    **Example**  `tseeder rm 0193a1b2-c3d4 -y`
    """
    from tseeder_cli.verbs import jobs

    if not yes:
        require_terminal()
    url = chosen_url(ctx)
    doomed = run(jobs.find(url, names))
    if not yes and not typer.confirm(jobs.deletion_question(doomed), err=True):
        raise CliError("nothing was deleted", code="not_confirmed")
    run(jobs.delete(url, doomed, as_json=as_json))


def usage(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show what you use, and what your plan allows."""
    from tseeder_cli.verbs import jobs

    run(jobs.usage(chosen_url(ctx), as_json=as_json))
