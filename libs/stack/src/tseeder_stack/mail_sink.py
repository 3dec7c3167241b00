"""The embedded mail server: takes every mail, sends none on, and keeps them in a Maildir, where people can read them.

`python -m tseeder_stack.mail_sink PORT FOLDER`
"""

from __future__ import annotations

import asyncio
import mailbox
import signal
import sys
from pathlib import Path

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP

from tseeder_stack.program import Program, accepts_connections

HOST = "127.0.0.1"
LONGEST_MAIL_BYTES = 1024 * 1024


def program(folder: Path, port: int, log: Path) -> Program:
    """The server on 127.0.0.1:`port`; mails land in the Maildir `folder`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    mailbox.Maildir(folder, create=True)
    folder.chmod(0o700)

    async def ready() -> bool:
        return await accepts_connections(HOST, port)

    return Program(
        name="mail",
        argv=(sys.executable, "-m", "tseeder_stack.mail_sink", str(port), str(folder)),
        ready=ready,
        log=log,
        cwd=folder,
        ports={"smtp": port},
        url=f"smtp://{HOST}:{port}",
        quiet=True,
    )


async def serve(port: int, folder: Path) -> None:
    """Until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, stopped.set)
    handler = Mailbox(folder)

    def connection() -> SMTP:
        # It is on loopback, and knows nobody: so nobody has to sign in.
        return SMTP(handler, data_size_limit=LONGEST_MAIL_BYTES, enable_SMTPUTF8=True, hostname="localhost", loop=loop)

    async with await loop.create_server(connection, HOST, port):
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
