"""A pool of parser processes, started beforehand, each ended as soon as it takes too long, too much, or dies.

A process is started with exec, from a small environment, and never by forking this one's threads and sockets along.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from types import TracebackType
from typing import Final, Self

from tseeder_jobs.adapters import parser_wire as wire
from tseeder_jobs.domain.torrent import Metainfo
from tseeder_kit.errors import AppError, Kind, unavailable, unprocessable
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter

START_SECONDS: Final = 20.0
WAIT_SECONDS: Final = 8.0
"""How long a request waits for a free process before it is told to come again."""
LIVES: Final = 500
"""Parses after which a process is replaced, so that fragmented memory does not add up."""
_LARGE_ANSWER_BYTES: Final = 256 * 1024
_TRIES: Final = 3
_RESPAWN_PAUSES: Final = (0.0, 0.2, 1.0, 5.0)

_ended = counter("jobs_parser_processes_ended", "Parser processes that were ended, and why", ("why",))
_log = get_logger(__name__)


class _Worker:
    """One process, and how many parses it has done."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.done = 0

    @property
    def lives(self) -> bool:
        """As far as is known here."""
        gone = self.process.stdout is None or self.process.stdout.at_eof()
        return self.process.returncode is None and not gone

    async def ask(self, message: wire.Message) -> wire.Message:
        """EOFError, OSError or WireError if it is not there any more, or not well."""
        if self.process.stdin is None or self.process.stdout is None:
            raise wire.WireError("no pipes")
        self.process.stdin.write(wire.pack(message))
        await self.process.stdin.drain()
        return await _read(self.process.stdout)

    async def end(self) -> None:
        """SIGKILL: it has nothing to lose."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


async def _read(stream: asyncio.StreamReader) -> wire.Message:
    count = wire.field_count(await stream.readexactly(wire.COUNT.size))
    sizes = wire.lengths(await stream.readexactly(count * wire.COUNT.size))
    return [await stream.readexactly(size) for size in sizes]


class ParserPool:
    """`async with ParserPool(size=2) as pool: meta = await pool.parse_torrent(data)`.

    Errors of both calls: those of domain.torrent; UNPROCESSABLE `torrent_parse_timeout` after `seconds`, and
    `torrent_parse_failed` if the process died of it (of memory, say); UNAVAILABLE `parser_busy`.
    """

    def __init__(
        self,
        *,
        size: int = 2,
        seconds: float = 5.0,
        memory_bytes: int = 512 << 20,
        admit_private: bool = False,
    ) -> None:
        self._size = size
        self._seconds = seconds
        self._memory = memory_bytes
        self._admit_private = admit_private
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        self._workers: set[_Worker] = set()
        self._starting: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._size):
                    group.create_task(self._add_worker())
        except BaseException:
            await self._end_all()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end_all()

    @property
    def pids(self) -> frozenset[int]:
        """The processes that live now."""
        return frozenset(worker.process.pid for worker in self._workers)

    async def parse_torrent(self, data: bytes) -> Metainfo:
        """Judge a `.torrent` file."""
        return await self._parse("torrent", data, None)

    async def parse_info(self, info: bytes, piece_layers: bytes | None = None) -> Metainfo:
        """Judge raw info bytes; `piece_layers` bencoded, or None where they are not known yet."""
        return await self._parse("info", info, piece_layers)

    async def _parse(self, operation: wire.Operation, data: bytes, layers: bytes | None) -> Metainfo:
        question = wire.request(operation, data, layers, admit_private=self._admit_private, seconds=self._seconds)
        answer = await self._exchange(question)
        error = wire.header_of(answer).get("error")
        if error is not None:
            raise AppError(Kind(error["kind"]), error["code"], error["message"], error["details"])
        if sum(map(len, answer)) > _LARGE_ANSWER_BYTES:  # keeps the loop turning meanwhile
            return await asyncio.to_thread(wire.decode_metainfo, answer, data, layers)
        return wire.decode_metainfo(answer, data, layers)

    async def _exchange(self, question: wire.Message) -> wire.Message:
        for _ in range(_TRIES):
            try:
                return await self._ask_one(question)
            except (EOFError, OSError) as exc:  # perhaps it was gone before it saw this: another one shall decide
                _log.warning("parser_died", cause=type(exc).__name__)
        raise unprocessable("torrent_parse_failed", "The torrent cannot be read.")

    async def _ask_one(self, question: wire.Message) -> wire.Message:
        worker = await self._take()
        why = "cancelled"
        try:
            async with asyncio.timeout(self._seconds):
                answer = await worker.ask(question)
            wire.header_of(answer)
            why = ""
            return answer
        except TimeoutError as exc:
            why = "timeout"
            raise unprocessable("torrent_parse_timeout", "The torrent takes too long to read.") from exc
        except wire.WireError as exc:
            why = "crashed"
            _log.warning("parser_crashed", cause=str(exc))
            raise unprocessable("torrent_parse_failed", "The torrent cannot be read.") from exc
        except (EOFError, OSError):
            why = "died"
            raise
        finally:
            self._give_back(worker, why)

    async def _take(self) -> _Worker:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    worker = await self._idle.get()
                    if worker.lives:
                        return worker
                    self._replace(worker, "died_idle")
        except TimeoutError as exc:
            raise unavailable("parser_busy", "Too many torrents are being read at the moment; try again.") from exc

    def _give_back(self, worker: _Worker, why: str) -> None:
        worker.done += 1
        if not why and worker.done < LIVES:
            self._idle.put_nowait(worker)
        else:
            self._replace(worker, why or "worn")

    def _replace(self, worker: _Worker, why: str) -> None:
        _ended.labels(why).inc()
        task = asyncio.create_task(self._renew(worker), name="parser-renew")
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _renew(self, worker: _Worker) -> None:
        await worker.end()
        self._workers.discard(worker)
        attempt = 0
        while True:
            await asyncio.sleep(_RESPAWN_PAUSES[min(attempt, len(_RESPAWN_PAUSES) - 1)])
            try:
                return await self._add_worker()
            except (OSError, EOFError, TimeoutError, wire.WireError) as exc:
                attempt += 1
                _log.error("parser_start_failed", cause=type(exc).__name__, attempt=attempt)

    async def _add_worker(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            "tseeder_jobs.adapters.parser_process",
            *("--parent", str(os.getpid())),
            *("--memory", str(self._memory)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
        )
        worker = _Worker(process)
        self._workers.add(worker)
        try:
            async with asyncio.timeout(START_SECONDS):
                if process.stdout is not None:
                    await _read(process.stdout)
        except BaseException:
            self._workers.discard(worker)
            await worker.end()
            raise
        self._idle.put_nowait(worker)

    async def _end_all(self) -> None:
        for task in tuple(self._starting):
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*(worker.end() for worker in tuple(self._workers)))
        self._workers.clear()
