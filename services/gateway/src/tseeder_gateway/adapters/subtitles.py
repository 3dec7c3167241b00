"""Subtitles to WebVTT, each in a process of its own that is ended as soon as it takes too long, or too much."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from tseeder_kit.errors import AppError, exhausted, unavailable, unprocessable
from tseeder_kit.logging import get_logger

AT_ONCE: Final = 2
WAIT_SECONDS: Final = 10.0
"""How long a request waits for its turn before it is told to come again."""
SECONDS: Final = 15.0
CPU_SECONDS: Final = 10
MEMORY_BYTES: Final = 512 << 20
OUTPUT_BYTES: Final = 8 << 20
_log = get_logger(__name__)


class Subtitles:
    """AT_ONCE of them, and of each user one, so that nobody waits for all of another one's."""

    def __init__(self, *, cpu_seconds: int = CPU_SECONDS) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._users: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._cpu_seconds = cpu_seconds

    async def convert(self, data: bytes, written: str, user_id: str) -> bytes:
        """A file that is `written` in one of domain.webvtt.FORMATS, as WebVTT in UTF-8 of OUTPUT_BYTES at most.

        Errors: UNPROCESSABLE `subtitles_unreadable`; UNAVAILABLE `subtitles_busy`; EXHAUSTED `too_many_subtitles`.
        """
        async with self._turn(user_id):
            try:
                async with asyncio.timeout(SECONDS):
                    code, output = await self._run(data, written)
            except TimeoutError:
                code, output = -1, b""
        if code != 0 or not output or len(output) > OUTPUT_BYTES:
            _log.info("subtitles_unreadable", written=written, exit_code=code)
            raise unreadable()
        return output

    @asynccontextmanager
    async def _turn(self, user_id: str) -> AsyncIterator[None]:
        own = self._users.setdefault(user_id, asyncio.Lock())
        is_his_turn = False
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await stack.enter_async_context(own)
                    is_his_turn = True
                    await stack.enter_async_context(self._turns)
            except TimeoutError as exc:
                raise (_busy() if is_his_turn else _too_many()) from exc
            yield

    async def _run(self, data: bytes, written: str) -> tuple[int, bytes]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "tseeder_gateway.adapters.subtitles_process"),
            *(str(os.getpid()), str(MEMORY_BYTES), str(self._cpu_seconds), written),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
        )
        try:
            return await _exchange(process, data)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _exchange(process: Process, data: bytes) -> tuple[int, bytes]:
    """It reads all before it writes anything."""
    if process.stdin is None or process.stdout is None:
        return -1, b""
    with contextlib.suppress(ConnectionError):  # it died of the beginning
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()
    output = b""
    while len(output) <= OUTPUT_BYTES and (chunk := await process.stdout.read(1 << 18)):
        output += chunk
    if len(output) > OUTPUT_BYTES:
        process.kill()
    return await process.wait(), output


def _busy() -> AppError:
    message = "Too many subtitles are being converted at the moment; try again."
    return unavailable("subtitles_busy", message, retry_after_seconds=1)


def _too_many() -> AppError:
    message = "Too many of your subtitles are being converted at once; fetch them after each other."
    return exhausted("too_many_subtitles", message, retry_after_seconds=1)


def unreadable() -> AppError:
    """UNPROCESSABLE."""
    return unprocessable("subtitles_unreadable", "There is nothing in this file that could be shown as subtitles.")
