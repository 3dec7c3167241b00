"""files, find, primary, get, zip, playlist."""

from __future__ import annotations

from typing import Annotated

import typer

from tseeder_cli.commands.options import AsJson, JobArgument, chosen_url, run

PANEL = "Files"


def register(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    app.command("files", rich_help_panel=PANEL)(list_files)
    app.command(rich_help_panel=PANEL)(find)
    app.command(rich_help_panel=PANEL)(primary)
    app.command(rich_help_panel=PANEL)(get)
    app.command("zip", rich_help_panel=PANEL)(download_archive)
    app.command(rich_help_panel=PANEL)(playlist)


def list_files(
    ctx: typer.Context,
    job: JobArgument,
    tree: Annotated[bool, typer.Option("--tree", help="Draw folders, with what is in each of them.")] = False,
    as_json: AsJson = False,
) -> None:
    """List a job's files as people count them, 2 before 10, with the index by which `get` and `--select` name them.

    **Examples**

    `tseeder files 0193a1b2-c3d4`

    `tseeder files 0193a1b2-c3d4 --tree`
    """
    from tseeder_cli.verbs import files

    run(files.list_files(chosen_url(ctx), job, tree=tree, as_json=as_json))


def find(
    ctx: typer.Context,
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", show_default=False, help="Part of the path, in any case; all without it.")
    ] = "",
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            show_default=False,
            help="video, audio, image, text, document, archive or other; may be given several times.",
        ),
    ] = None,
    smallest: Annotated[str, typer.Option("--min", metavar="SIZE", help="Of this size at least, as 700M.")] = "",
    largest: Annotated[str, typer.Option("--max", metavar="SIZE", help="Of this size at most, as 1.5GiB.")] = "",
    as_json: AsJson = False,
) -> None:
    """Find files over all of your jobs, newest first, with the name by which `get` takes them.

    **Examples**

    `tseeder find debian`

    `tseeder find --type video --min 1G`
    """
    from tseeder_cli.verbs import find as finding

    url = chosen_url(ctx)
    run(finding.find(url, text, types=types or [], smallest=smallest, largest=largest, as_json=as_json))


def primary(
    ctx: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", show_default=False, help="JOB:INDEX or a file's id; a job's id for the largest again."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Choose a job's main media file: by itself it is the largest video, or else audio.

    **Examples**

    `tseeder primary 0193a1b2-c3d4:3`

    `tseeder primary 0193a1b2-c3d4`
    """
    from tseeder_cli.verbs import files

    run(files.set_primary(chosen_url(ctx), what, as_json=as_json))


def get(
    ctx: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            show_default=False,
            help="JOB:INDEX or a file's id for one file; a job's id for all of its files.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            show_default=False,
            help="Where to: the file's new name, or a folder (one that is there, or whose name ends in /). A job goes "
            "into a folder of its own name by default.",
        ),
    ] = "",
    select: Annotated[str, typer.Option("--select", metavar="INDEXES", help="Of a job these, as in 0,2,5-9.")] = "",
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace a file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: what was downloaded, and where to.")] = False,
) -> None:
    """Download a file, or all files of a job.

    An interrupted download goes on where it was: just say the same again. Names that would leave the folder, or that
    the disk cannot hold, are made harmless. Files of a job that are on disk already are not fetched again.

    **Examples**

    `tseeder get 0193a1b2-c3d4:3 -o film.mkv`

    `tseeder get 0193a1b2-c3d4:3 -o downloads/`

    `tseeder get 0193a1b2-c3d4 -o ~/Downloads/season`
    """
    from tseeder_cli.verbs import files

    run(files.get(chosen_url(ctx), what, output=output, select=select, force=force, as_json=as_json))


def download_archive(
    ctx: typer.Context,
    job: JobArgument,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            show_default=False,
            help="Where to: the archive's name, or a folder (one that is there, or whose name ends in /). By default "
            "it has the job's name.",
        ),
    ] = "",
    select: Annotated[str, typer.Option("--select", metavar="INDEXES", help="Only these files, as in 0,2,5-9.")] = "",
    folder: Annotated[str, typer.Option("--folder", metavar="PATH", help="Only what is in this folder.")] = "",
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace a file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: what was downloaded, and where to.")] = False,
) -> None:
    """Download a job's files as one ZIP archive.

    All of them must be stored. They are not compressed. An interrupted download goes on where it was: just say the
    same again.

    **Examples**

    `tseeder zip 0193a1b2-c3d4`

    `tseeder zip 0193a1b2-c3d4 --folder extras -o extras.zip`
    """
    from tseeder_cli.verbs import archives

    run(
        archives.download_archive(
            chosen_url(ctx), job, output=output, select=select, folder=folder, force=force, as_json=as_json
        )
    )


def playlist(
    ctx: typer.Context,
    job: JobArgument,
    folder: Annotated[str, typer.Option("--folder", metavar="PATH", help="Only what is in this folder.")] = "",
    output: Annotated[str, typer.Option("--output", "-o", show_default=False, help="Into this file.")] = "",
) -> None:
    """Make a playlist of a job's films and music, stored or not, that plays without an account for a day.

    **Examples**

    `tseeder playlist 0193a1b2-c3d4 | mpv --playlist=-`

    `tseeder playlist 0193a1b2-c3d4 --folder "Season 1" -o season.m3u8`
    """
    from tseeder_cli.verbs import playlist as playing

    run(playing.playlist(chosen_url(ctx), job, folder=folder, output=output))
