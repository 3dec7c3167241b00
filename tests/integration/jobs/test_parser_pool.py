"""The pool of parser processes, for real: limits, deaths, and what the event loop feels of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tseeder_jobs.adapters.parser import ParserPool
from tseeder_jobs.domain.torrent import parse_torrent
from tseeder_kit.errors import AppError
from tseeder_testkit import raw_torrents as raw
from tseeder_testkit.bad_inputs import BAD_TORRENTS

PATIENCE = 60.0  # where it is not the time that counts: the largest take 2.5 s of a CPU that others want, too
SMALL = raw.torrent(raw.v1_single("file", 10))


@cache
def large() -> bytes:
    """One that takes a second."""
    return raw.torrent(raw.v1_info([(["folder", f"{number:06}"], 10) for number in range(50_000)]))


async def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - of other processes, which tell nobody
            await asyncio.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_torrents_are_read_as_in_this_process() -> None:
    async with ParserPool(size=1, seconds=PATIENCE) as pool:
        for data in (SMALL, raw.hybrid_torrent({"a": 5, "b": 90_000}), large()):
            assert await pool.parse_torrent(data) == parse_torrent(data)
        whole = parse_torrent(raw.v2_torrent({"a": 90_000}))
        assert await pool.parse_info(whole.info, whole.piece_layers) == whole
        assert not (await pool.parse_info(whole.info)).layers_known


async def test_every_bad_torrent_keeps_its_code_and_costs_no_process() -> None:
    async with ParserPool(size=2, seconds=PATIENCE) as pool:
        before = pool.pids
        for name, bad in BAD_TORRENTS.items():
            with pytest.raises(AppError) as caught:
                await pool.parse_torrent(bad.make())
            assert caught.value.code == bad.code, name
        assert pool.pids == before


async def test_private_hosts_are_a_matter_of_the_pool() -> None:
    data = raw.torrent(raw.v1_single("file", 10), announce="http://127.0.0.1:1/a")
    async with ParserPool(size=1, admit_private=True) as pool:
        assert (await pool.parse_torrent(data)).trackers == ("http://127.0.0.1:1/a",)


async def test_what_takes_too_long_is_killed_and_the_next_one_is_read() -> None:
    async with ParserPool(size=1, seconds=0.2) as pool:
        (pid,) = pool.pids
        started = time.monotonic()
        with pytest.raises(AppError, match="torrent_parse_timeout"):
            await pool.parse_torrent(large())
        assert time.monotonic() - started < 2
        assert (await pool.parse_torrent(SMALL)).name == "file"
        assert pid not in pool.pids
        assert not _lives(pid)


async def test_what_takes_too_much_memory_fails_alone() -> None:
    async with ParserPool(size=1, seconds=PATIENCE, memory_bytes=48 << 20) as pool:
        with pytest.raises(AppError, match="torrent_parse_failed"):
            await pool.parse_torrent(large())
        assert (await pool.parse_torrent(SMALL)).name == "file"


async def test_a_process_that_died_idle_is_not_the_torrents_fault() -> None:
    async with ParserPool(size=2) as pool:
        before = pool.pids
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        assert (await pool.parse_torrent(SMALL)).name == "file"
        await _until(lambda: len(pool.pids) == 2 and not pool.pids & before)


async def test_a_caller_that_goes_away_frees_its_process() -> None:
    async with ParserPool(size=1) as pool:
        (pid,) = pool.pids
        task = asyncio.create_task(pool.parse_torrent(large()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await pool.parse_torrent(SMALL)).name == "file"
        await _until(lambda: pid in pool.pids or not _lives(pid))


async def test_many_callers_share_few_processes() -> None:
    async with ParserPool(size=2) as pool:
        before = pool.pids
        read = await asyncio.gather(*(pool.parse_torrent(SMALL) for _ in range(50)))
        assert {meta.name for meta in read} == {"file"}
        assert pool.pids == before


async def test_processes_hold_no_secrets_and_end_with_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEEDER_JOBS_S3_SECRET_KEY", "very-secret")
    async with ParserPool(size=2) as pool:
        pids = pool.pids
        assert len(pids) == 2
        assert not any(b"very-secret" in _environment(pid) for pid in pids)
    assert not any(_lives(pid) for pid in pids)


HOLDER = """
import asyncio
from tseeder_jobs.adapters.parser import ParserPool
async def main():
    async with ParserPool(size=2) as pool:
        print(*pool.pids, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_processes_die_with_their_parent() -> None:
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLDER, stdout=asyncio.subprocess.PIPE)
    try:
        assert holder.stdout is not None
        async with asyncio.timeout(60):
            pids = [int(pid) for pid in (await holder.stdout.readline()).split()]
        assert len(pids) == 2
        assert all(_lives(pid) for pid in pids)
    finally:
        holder.kill()
        await holder.wait()
    await _until(lambda: not any(_lives(pid) for pid in pids))
