"""A swarm of the demo's own: a new sample, a tracker and a seeder, as a process of the testkit."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tseeder_cli.errors import CliError

READY_SECONDS = 120.0
GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Sample:
    """What is seeded: the .torrent, and of each file's path its size in bytes and SHA-256."""

    torrent: Path
    sums: dict[str, tuple[int, str]]

    @property
    def size_bytes(self) -> int:
        return sum(size for size, _ in self.sums.values())


@asynccontextmanager
async def seeding(folder: Path, log: Path, *, mib: int, rate: int) -> AsyncIterator[Sample]:
    """Make a sample of `mib` MiB that never was before (a stored one would complete at once) and seed it.

    `rate` limits the seeder, in bytes a second. What lies in `folder` from an earlier run is deleted, and at the end
    the sample is too.
    """
    await asyncio.to_thread(_clear, folder, log.parent)
    command = [sys.executable, "-m", "tseeder_testkit.demo_swarm", "--dir", str(folder), "--mib", str(mib)]
    command += ["--rate", str(rate), "--seed", str(secrets.randbelow(1 << 48))]
    with log.open("w") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is for the demo, which then stops it
            limit=1 << 24,
        )
    try:
        yield _understood(await _first_line(process, log))
    finally:
        await _stop(process)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _first_line(process: asyncio.subprocess.Process, log: Path) -> bytes:
    assert process.stdout is not None  # noqa: S101 - asked for with PIPE
    try:
        async with asyncio.timeout(READY_SECONDS):
            line = await process.stdout.readline()
    except TimeoutError:
        raise CliError(f"the sample's seeder is not ready; its log is {log}", code="swarm_failed") from None
    if not line:
        why = await asyncio.to_thread(_last_words, log)
        raise CliError(f"the sample's seeder does not start{why}; its log is {log}", code="swarm_failed")
    return line


def _clear(folder: Path, logs: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    logs.mkdir(parents=True, exist_ok=True)


def _last_words(log: Path) -> str:
    said = log.read_text(errors="replace").strip().splitlines()
    return f": {said[-1]}" if said else ""


def _understood(line: bytes) -> Sample:
    said: dict[str, Any] = json.loads(line)
    sums: dict[str, tuple[int, str]] = {}
    for file in said["files"]:
        path = file["path"] if isinstance(file["path"], str) else "/".join(file["path"])
        sums[path] = (int(file["size"]), str(file["sha256"]))
    return Sample(Path(said["torrent"]), sums)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
