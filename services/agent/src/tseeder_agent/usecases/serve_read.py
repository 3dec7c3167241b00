"""A reader of a file that is not stored yet: what it waits for is fetched first, and handed over once it is proven."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from tseeder.agent.v1.read_token_pb2 import ReadToken
from tseeder_agent.domain.ledger import Ledger
from tseeder_agent.domain.parts import Part
from tseeder_agent.domain.read_windows import ReadWindows
from tseeder_agent.domain.transfer import EntryWish, LeaseId
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.read_part import read_proven
from tseeder_agent.usecases.run import Run
from tseeder_kit.clock import boottime
from tseeder_kit.errors import AppError, conflict, not_found, unavailable
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter, gauge, histogram

CHUNK: Final = 256 * 1024
LOOK_SECONDS: Final = 1.0
"""How often a waiting reader looks by itself whether the lease still stands."""
LATE_RETRY_SECONDS: Final = 2
MOST_UNPROVEN: Final = 3

_log = get_logger(__name__)
_readers = gauge("agent_read_streams", "Readers of files that are not stored yet")
_read = counter("agent_read_bytes", "Bytes handed to readers of files that are not stored yet")
_waited = histogram("agent_read_wait_seconds", "How long readers waited for a piece that was not there")


class FileRead:
    """One request for bytes of one file. Made by `open_read`; close it by leaving `chunks`."""

    def __init__(self, ctx: Context, run: Run, ledger: Ledger, entry: EntryWish) -> None:
        self._ctx = ctx
        self._run = run
        self._ledger = ledger
        self._entry = entry
        self._refused = 0

    @property
    def size(self) -> int:
        """Of the whole file."""
        return self._entry.size

    async def chunks(self, first: int, last: int) -> AsyncGenerator[memoryview, None]:
        """The bytes `first` to `last` of the file, in order, CHUNK or fewer at a time, proven by their pieces' hashes.

        CONFLICT `lease_gone` when this agent no longer runs the transfer; UNAVAILABLE `pieces_late` when what is needed
        did not come in READ_WAIT_SECONDS. Nothing is read ahead of the reader.
        """
        run, ledger = self._run, self._ledger
        if run.readers is None:
            run.readers = ReadWindows(ledger.piece_length)
        reader = run.readers.enter()
        at, end = self._entry.offset + first, self._entry.offset + last + 1
        _readers.inc()
        try:
            while at < end:
                size = await self._here(reader, at, end)
                data = await self._proven(at, size)
                if data is None:
                    await self._unproven()
                    continue
                yield data
                _read.inc(size)
                at += size
        finally:
            _readers.dec()
            if run.readers.leave(reader):
                self._aim()

    async def _here(self, reader: int, at: int, end: int) -> int:
        """How many bytes from `at` on can be read now, once there are any."""
        run, ledger = self._run, self._ledger
        piece, last = at // ledger.piece_length, (end - 1) // ledger.piece_length
        fresh = run.readers.move(reader, piece, last) if run.readers is not None else ()
        if any(not ledger.holds(each) for each in fresh):
            self._aim()
        began = boottime()
        while True:
            arrived = run.arrived
            self._check_lease()
            if run.staged is not None and ledger.holds(piece):
                break
            left = began + self._ctx.settings.read_wait_seconds - boottime()
            if left <= 0:
                raise _late()
            if not await _either(arrived, min(left, LOOK_SECONDS)):
                self._aim()  # there may be room on the disk by now
        _waited.observe(boottime() - began)
        whole = piece + 1
        while whole <= last and ledger.holds(whole) and whole * ledger.piece_length - at < CHUNK:
            whole += 1
        return min(whole * ledger.piece_length, end, at + CHUNK) - at

    async def _proven(self, at: int, size: int) -> memoryview | None:
        """None: what is on the disk is not the torrent's, and libtorrent looks at it again."""
        entry = self._entry
        part = Part(offset=at, size=size, start=at - entry.offset, file_index=entry.file_index, number=0)
        buffer = memoryview(bytearray(size))
        try:
            body = await read_proven(self._ctx, self._run, part, buffer, with_sha256=False)
        except (OSError, RuntimeError) as exc:  # the torrent was taken out of the session, its files go
            _log.info("read_of_what_goes", cause=type(exc).__name__)
            raise _lease_gone() from exc
        self._check_lease()
        return None if body is None else buffer

    async def _unproven(self) -> None:
        """What libtorrent says is here does not read so: it looks again, once; a few times more it may be the disk."""
        self._refused += 1
        if self._refused == 1 and self._run.torrent is not None:
            self._run.torrent.refresh()
        if self._refused > MOST_UNPROVEN:
            raise _late()
        await _either(self._run.arrived, LOOK_SECONDS)

    def _aim(self) -> None:
        if self._run.re_aim is not None:
            self._run.re_aim()

    def _check_lease(self) -> None:
        run = self._run
        if run.over or run.lost.is_set() or run.tenure.remaining(boottime()) <= 0:
            raise _lease_gone()


def open_read(ctx: Context, token: ReadToken) -> FileRead:
    """The read that `token` allows.

    CONFLICT `lease_gone` unless this boot runs that transfer under that epoch, with its metadata known; NOT_FOUND
    `file_not_in_transfer`.
    """
    run = ctx.fleet.runs.get(LeaseId(token.transfer_id, token.epoch))
    mine = (token.agent_id, token.boot_id) == (ctx.jobs.agent_id, ctx.jobs.boot_id)
    if run is None or not mine or run.description is None or run.ledger is None:
        raise _lease_gone()
    entries, index = run.description.entries, token.file_index
    if 0 <= index < len(entries) and entries[index].file_index == index:
        return FileRead(ctx, run, run.ledger, entries[index])  # nearly always: all files are described, in their order
    found = next((each for each in entries if each.file_index == index), None)
    if found is None:
        raise not_found("file_not_in_transfer", "The torrent has no such file.")
    return FileRead(ctx, run, run.ledger, found)


async def _either(event: asyncio.Event, seconds: float) -> bool:
    """Waits for it, for so long at most; whether it came."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _late() -> AppError:
    return unavailable("pieces_late", "The swarm has not given this part yet.", retry_after_seconds=LATE_RETRY_SECONDS)


def _lease_gone() -> AppError:
    return conflict("lease_gone", "This agent does not run that transfer (any more).")
