"""link, links, unlink."""

from __future__ import annotations

from typing import Annotated

import typer

from tseeder_cli.commands.options import AsJson, chosen_url, read_password, run

PANEL = "Links"


def register(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    app.command(rich_help_panel=PANEL)(link)
    app.command("links", rich_help_panel=PANEL)(list_links)
    app.command(rich_help_panel=PANEL)(unlink)


def link(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", show_default=False, help="JOB:INDEX, or the file's id.")],
    expires: Annotated[
        str,
        typer.Option("--expires", metavar="TIME", show_default=False, help="As in 90m, 12h, 30d; 7d if not given."),
    ] = "",
    downloads: Annotated[
        int | None, typer.Option("--downloads", min=1, show_default=False, help="How often it may be downloaded.")
    ] = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a password that opens it.")] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read that password from the first line of stdin.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a link to a file, for whoever has it: no account is needed. It is printed this once.

    It works before the file is stored, too, and with curl, players and browsers; a password goes with any user name.

    **Examples**

    `tseeder link 0193a1b2-c3d4:3`

    `tseeder link 0193a1b2-c3d4:3 --expires 12h --downloads 5 --password`
    """
    from tseeder_cli.verbs import links

    lasting = links.parse_duration(expires) if expires else None
    secret = read_password(from_stdin=password_stdin, confirm=True) if password or password_stdin else ""
    run(links.link(chosen_url(ctx), file, lasting, downloads=downloads, password=secret, as_json=as_json))


def list_links(
    ctx: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", show_default=False, help="Of this file only: JOB:INDEX, or its id.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List your links that have not ended: how often each was downloaded, and until when it opens."""
    from tseeder_cli.verbs import links

    run(links.list_links(chosen_url(ctx), file, as_json=as_json))


def unlink(
    ctx: typer.Context,
    which: Annotated[
        str, typer.Argument(metavar="LINK", show_default=False, help="Its id or the beginning of it, or its address.")
    ],
) -> None:
    """Revoke a link: it opens nothing any more, and ends what it is being read by.

    **Example**  `tseeder unlink 0193a1b2-c3d4`
    """
    from tseeder_cli.verbs import links

    run(links.unlink(chosen_url(ctx), which))
