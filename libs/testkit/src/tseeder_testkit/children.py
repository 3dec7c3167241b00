"""Child processes that cannot outlive their parent."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

_PR_SET_PDEATHSIG = 1


class ChildError(Exception):
    """A child process did not get ready: its exit status and the end of what it wrote."""


def die_with_parent(sig: int = signal.SIGKILL) -> None:
    """Ask Linux to send this process `sig` when the thread that started it ends. Call it first thing in main."""
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(sig)) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent or parent == 1:  # it went away before the call took hold
        sys.exit(1)


@asynccontextmanager
async def child(
    argv: Sequence[str], *, ready_timeout: float = 60.0
) -> AsyncIterator[tuple[asyncio.subprocess.Process, bytes]]:
    """Run `argv`; yields the process and the first line of its stdout, which says that it is ready.

    Leaving stops it: SIGTERM, then SIGKILL after 3 s. ChildError if it ends or is silent for `ready_timeout` seconds.
    """
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(ready_timeout):
                line = await process.stdout.readline()
        except TimeoutError:
            raise ChildError(f"{argv[0]}: not ready after {ready_timeout} s") from None
        if not line:
            raise ChildError(f"{' '.join(argv[:4])}: ended with status {await process.wait()} before it was ready")
        yield process, line
    finally:
        await stop(process)


async def stop(process: asyncio.subprocess.Process, *, grace: float = 3.0) -> None:
    """End `process` (SIGTERM, SIGKILL after `grace` seconds) and reap it. Nothing to do if it ended already."""
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(grace):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
    transport = getattr(process, "_transport", None)
    if transport is not None:  # closes the pipe: an unread one would warn when it is collected
        transport.close()
