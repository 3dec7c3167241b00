"""aria2 as a seeder, where it is installed: a peer whose code shares nothing with ours."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tseeder_testkit.children import ChildError, stop
from tseeder_testkit.swarm import Seeder
from tseeder_testkit.torrents import Sample

READY_SECONDS = 15.0


def aria2_installed() -> bool:
    return shutil.which("aria2c") is not None


@asynccontextmanager
async def aria2_seeding(
    sample: Sample, torrent: Path, *, rate: int = 0, log: Path | None = None
) -> AsyncIterator[Seeder]:
    """Seed `sample` with aria2c from the .torrent file `torrent` (which names the tracker); yields when it listens.

    `rate` in bytes a second, 0 for none. aria2 ends by itself if this process does. It speaks v1 only.
    """
    port = _free_port()
    argv = ["aria2c", str(torrent), f"--dir={sample.root}", f"--listen-port={port}", f"--max-upload-limit={rate}"]
    argv += ["--bt-seed-unverified=true", "--seed-ratio=0.0", "--seed-time=600", "--bt-tracker-interval=2"]
    argv += ["--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false"]
    argv += ["--allow-overwrite=true", "--file-allocation=none", "--quiet=true", "--disable-ipv6=true"]
    argv += ["--interface=127.0.0.1", f"--stop-with-process={os.getpid()}", "--no-conf=true"]
    if log is not None:
        argv.append(f"--log={log}")
    process = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.DEVNULL)
    try:
        await _listening(process, port)
        yield Seeder(host="127.0.0.1", port=port, pid=process.pid)
    finally:
        await stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _listening(process: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            if process.returncode is not None:
                raise ChildError(f"aria2c ended with status {process.returncode}")
            with suppress(OSError):
                _reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)
