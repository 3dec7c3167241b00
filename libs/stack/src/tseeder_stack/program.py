"""What the supervisor needs to know of a program."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tseeder_stack.owners import Owner

PROBE_SECONDS = 2.0


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
    before_start: Callable[[], None] = _nothing  # blocking; runs in a thread before each start, so also after a crash


async def accepts_connections(host: str, port: int) -> bool:
    """Whether something listens on `host:port`."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    await _close(writer)
    return True


async def http_status(host: str, port: int, path: str, headers: Mapping[str, str] | None = None) -> int:
    """The status of `GET path`, or 0 if there is no answer in 2 s."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
    lines += [f"{key}: {value}" for key, value in (headers or {}).items()]
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write("\r\n".join([*lines, "", ""]).encode())
            words = (await reader.readline()).split()
    except (OSError, TimeoutError):
        return 0
    await _close(writer)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):  # the answer was had; how the other side ends the connection is its own affair
        await writer.wait_closed()
