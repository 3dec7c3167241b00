"""What the supervisor needs to know of a program."""

from __future__ import annotations

import asyncio
import signal
import struct
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tseeder_stack.owners import Owner

PROBE_SECONDS = 2.0
T = TypeVar("T")


def _nothing() -> None:
    """The default of `before_start`."""


@dataclass(frozen=True)
class Program:
    """One program to keep running."""

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], Awaitable[bool]]  # asked again and again until it says True; must not raise
    log: Path
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)  # added to the launcher's own environment
    ports: Mapping[str, int] = field(default_factory=dict)
    url: str = ""  # without credentials: it is shown and written to stack.json
    owner: Owner | None = None
    quiet: bool = False  # what it writes goes to its log file only
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL  # what it gets when the launcher dies
    grace_seconds: float = 10.0  # between the stop signal and SIGKILL
    restart_seconds: float = 0.5  # after a first death; doubled by each further one
    before_start: Callable[[], None] = _nothing  # blocking; runs in a thread before each start, so also after a crash


async def accepts_connections(host: str, port: int) -> bool:
    """Whether something listens on `host:port`."""

    async def done(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
        return True

    return await _talk(asyncio.open_connection(host, port), done) or False


async def http_status(host: str, port: int, path: str) -> int:
    """The status of `GET path`, or 0 if there is no answer in 2 s."""

    async def get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        words = (await reader.readline()).split()
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0

    return await _talk(asyncio.open_connection(host, port), get) or 0


async def ask_socket(path: str, question: bytes) -> bytes:
    """What a server on a Unix socket answers that puts a length of 4 bytes before it, as Ceph's do; b"" for nothing."""

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(question)
        (size,) = struct.unpack(">I", await reader.readexactly(4))
        return await reader.readexactly(size)

    return await _talk(asyncio.open_unix_connection(path), ask) or b""


async def _talk(
    connecting: Coroutine[Any, Any, tuple[asyncio.StreamReader, asyncio.StreamWriter]],
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[T]],
) -> T | None:
    """What `talk` returns on a connection; None if there is no connection, or no answer in 2 s."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await connecting
            try:
                return await talk(reader, writer)
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return None
