"""The limit: a file's bytes over the link by plain TCP, with nothing done to them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from tests.bench.link import ROOM, Link
from tests.bench.results import BenchError

RECEIVER: Final = Path(__file__).with_name("receive.py")
SECONDS: Final = 120


async def bare_seconds(link: Link, file: Path) -> float:
    """How long the bytes of `file` take from here into the box."""
    return await asyncio.to_thread(_measure, link, file)


def _measure(link: Link, file: Path) -> float:
    with socket.create_server((ROOM, 0)) as server:
        sender = threading.Thread(target=_send, args=(server, file), daemon=True)
        sender.start()
        where = (ROOM, str(server.getsockname()[1]), str(file.stat().st_size))
        argv = link.boxed(sys.executable, "-I", "-S", str(RECEIVER), *where)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)
        sender.join(SECONDS)
    if done.returncode != 0:
        raise BenchError(f"the link carries nothing: {done.stderr.strip()[-300:]}")
    return float(done.stdout)


def _send(server: socket.socket, file: Path) -> None:
    connection, _ = server.accept()
    with connection, file.open("rb") as data, contextlib.suppress(BrokenPipeError):  # the receiver says what failed
        connection.sendfile(data)
