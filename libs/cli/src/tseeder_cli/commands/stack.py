"""up, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tseeder_cli.commands.options import run

PANEL = "On this machine"

_Agents = Annotated[int, typer.Option("--agents", "-a", min=1, max=64, help="How many agents.")]
_State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        envvar="TSEEDER_STATE",
        show_default=False,
        help="The folder of its data, secrets and logs. Default: .tseeder, here or in a folder above.",
    ),
]
_Port = Annotated[
    int, typer.Option("--port", envvar="TSEEDER_PORT", help="The gateway's port. 0: last time's, else a free one.")
]
_S3 = Annotated[
    str, typer.Option("--s3", help="The embedded S3 server: rclone, radosgw, or auto (RadosGW where it is installed).")
]


def register(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    for command in (demo, up):
        app.command(rich_help_panel=PANEL)(command)


def up(
    *,
    agents: _Agents = 1,
    state: _State = None,
    port: _Port = 0,
    s3: _S3 = "auto",
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show the services' logs.")] = False,
) -> None:
    """Start everything on this machine: Postgres, NATS, S3, mail, all services and agents; no containers, no root.

    Runs until Ctrl-C, and finds its data again the next time. Logs go to the terminal, with a prefix for each
    program, and to a file each in the state folder's `logs`.

    External parts: TSEEDER_STACK_POSTGRES_URL, TSEEDER_STACK_NATS_URL, and for S3 TSEEDER_STACK_S3_ENDPOINT,
    _S3_REGION, _S3_BUCKET, _S3_ACCESS_KEY, _S3_SECRET_KEY (and _S3_AGENT_ACCESS_KEY, _S3_AGENT_SECRET_KEY for a
    key of the agents' own). For mail TSEEDER_STACK_SMTP_HOST, _SMTP_FROM, _SMTP_PORT, _SMTP_SECURITY, _SMTP_USERNAME,
    _SMTP_PASSWORD; without it mails land in the state folder's `mail`, and go nowhere.

    **Examples**

    `tseeder up`

    `tseeder up --agents 3 --port 8080`
    """
    from tseeder_cli.verbs import stack

    options = stack.UpOptions(state=state, agents=agents, port=port, s3=s3, log_level=log_level, quiet=quiet)
    run(stack.up(options))


def demo(
    *,
    agents: _Agents = 1,
    once: Annotated[
        bool, typer.Option("--once", help="Stop everything at the end, and exit 0 if all was right.")
    ] = False,
    torrent: Annotated[
        Path | None, typer.Option("--torrent", show_default=False, help="Fetch this .torrent instead of the sample.")
    ] = None,
    magnet: Annotated[
        str, typer.Option("--magnet", show_default=False, help="Fetch this magnet instead of the sample.")
    ] = "",
    state: _State = None,
    port: _Port = 0,
    s3: _S3 = "auto",
    mib: Annotated[int, typer.Option("--mib", min=1, max=10_000, help="The size of the sample torrent.")] = 100,
) -> None:
    """Carry a real torrent through all of tseeder, and check every byte.

    Starts the stack (or uses the one that runs here), makes a sample torrent with a tracker and a seeder on this
    machine, signs in, submits it, shows it move, downloads a file, and compares the SHA-256 of everything stored
    with its source. The stack then stays up until Ctrl-C.

    **Examples**

    `tseeder demo`

    `tseeder demo --once`

    `tseeder demo --torrent debian.torrent`
    """
    from tseeder_cli.verbs import demo as show
    from tseeder_cli.verbs import stack

    options = stack.UpOptions(state=state, agents=agents, port=port, s3=s3, log_level="info", quiet=True)
    run(show.demo(options, show.DemoOptions(once=once, torrent=torrent, magnet=magnet, mib=mib)))
