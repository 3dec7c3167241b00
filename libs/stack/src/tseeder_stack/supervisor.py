"""Keeps one program running: starts it, watches it, restarts it with exponential back-off, stops it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from typing import BinaryIO

from tseeder_stack.console import Console, open_log
from tseeder_stack.errors import StackError
from tseeder_stack.program import Program
from tseeder_stack.run_once import prelude

LONGEST_DELAY_SECONDS = 10.0
STEADY_SECONDS = 10.0  # one that lived this long has earned a quick restart again
PROBE_INTERVAL_SECONDS = 0.04
# So many deaths before it was ready once fail the whole start; a single one, if its settings are wrong (EX_CONFIG).
TRIES_AT_START = 3
LINE_LIMIT_BYTES = 1 << 20
TAIL_LINES = 15


class Child:
    """A supervised program. Make it, `start`, and `stop`; all from one event loop.

    That loop's thread must live as long as the program: Linux sends the death signal when the starting thread ends.
    """

    def __init__(self, program: Program, console: Console, on_change: Callable[[], None]) -> None:
        self.program = program
        self.restarts = 0
        self._console = console
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._runner: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._was_ready = False  # since launch
        self._stopping = asyncio.Event()
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int | None:
        """The process id; None while it does not run."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def is_ready(self) -> bool:
        """Whether the process that runs now has been seen ready."""
        return self._ready.is_set()

    async def start(self, timeout_seconds: float) -> None:
        """Start it and wait until it is ready. StackError, with the end of its log, if it is not in time or dies."""
        self.launch()
        await self.wait_ready(timeout_seconds)

    def launch(self) -> None:
        """Start it without waiting."""
        if self._runner is None:
            self._stopping.clear()
            self._was_ready = False
            self._runner = asyncio.create_task(self._run(), name=f"supervise {self.name}")

    async def wait_ready(self, timeout_seconds: float) -> None:
        """Wait until it is ready (again). StackError as for `start`."""
        if self._runner is None:
            raise StackError(f"{self.name} is stopped")
        waiter = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({waiter, self._runner}, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
            if waiter.done():
                return
            if self._runner.done():
                self._runner.result()
                raise StackError(f"{self.name} was stopped before it was ready")
            raise self._failure(f"{self.name} is not ready after {timeout_seconds:g} s")
        finally:
            waiter.cancel()

    def kill(self, sig: signal.Signals = signal.SIGKILL) -> None:
        """Send `sig` to the process (not to its children). If it dies of it, it is restarted."""
        if self._process is None or self._process.returncode is not None:
            raise StackError(f"{self.name} does not run")
        if sig == signal.SIGKILL:
            self._ready.clear()  # so that wait_ready() means the successor
        self._process.send_signal(sig)

    async def stop(self) -> None:
        """End it: its stop signal, SIGKILL after its grace. Nothing to do if it does not run."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self._stopping.set()
        try:
            await runner
        except StackError as error:
            self._console.notice(f"{self.name}: {error}")
        self._on_change()

    async def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began, code = time.monotonic(), 0
            try:
                code = await self._live()
                reason = f"exit {code}"  # a negative one is the signal that it died of
            except (StackError, OSError) as error:
                reason = str(error)
            self._ready.clear()
            if self._stopping.is_set():
                return
            failures = 1 if time.monotonic() - began > STEADY_SECONDS else failures + 1
            if not self._was_ready and (failures >= TRIES_AT_START or code == os.EX_CONFIG):
                raise self._failure(f"{self.name} does not start ({reason})")
            delay = min(self.program.restart_seconds * 2 ** (failures - 1), LONGEST_DELAY_SECONDS)
            self._console.notice(f"{self.name} died ({reason}), restarting in {delay:g} s")
            self._on_change()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()
            self.restarts += 1

    async def _live(self) -> int:
        """One life of the process; returns its exit status."""
        program = self.program
        self._ready.clear()
        await asyncio.to_thread(program.before_start)
        process, output = await self._spawn(program)
        self._process = process
        self._on_change()
        pump = asyncio.create_task(self._pump(output))
        probe = asyncio.create_task(self._probe(program))
        for task in (pump, probe):
            task.add_done_callback(self._tell_failure)
        try:
            await self._ended_or_stopped(process, program)
            return await process.wait()
        finally:
            probe.cancel()
            self._ready.clear()
            _kill_group(process.pid)  # first: an orphan may hold the pipe that the pump reads
            await asyncio.wait({pump}, timeout=1.0)
            pump.cancel()
            await asyncio.gather(pump, probe, return_exceptions=True)

    def _tell_failure(self, task: asyncio.Task[None]) -> None:
        """A pump or probe that fails says so at once: its program runs on, and may never seem ready."""
        if not task.cancelled() and (error := task.exception()):
            self._console.notice(f"{self.name}: {error!r}")

    async def _spawn(self, program: Program) -> tuple[asyncio.subprocess.Process, BinaryIO]:
        """The process, and the pipe from which to read what it writes."""
        # A pipe of our own: with asyncio's, wait() would last until all orphans have closed their end of it.
        read_end, write_end = os.pipe()
        output = os.fdopen(read_end, "rb", 0)
        try:
            process = await asyncio.create_subprocess_exec(
                *prelude(program.owner, program.death_signal),
                *program.argv,
                cwd=program.cwd,
                env={**os.environ, **program.env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,  # Ctrl-C in the terminal reaches the launcher only
            )
        except BaseException:
            output.close()
            raise
        finally:
            os.close(write_end)
        return process, output

    async def _ended_or_stopped(self, process: asyncio.subprocess.Process, program: Program) -> None:
        """Wait until the process ends by itself; or, once a stop is wished, make it end."""
        ended = asyncio.create_task(process.wait())
        wished = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({ended, wished}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return
            with contextlib.suppress(ProcessLookupError):  # it ended in this very moment
                process.send_signal(program.stop_signal)
            done, _ = await asyncio.wait({ended}, timeout=program.grace_seconds)
            if not done:
                self._console.notice(f"{self.name} did not stop in {program.grace_seconds:g} s: killed")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()  # late to stop, or we are cancelled: the launcher is being torn down in a hurry
            ended.cancel()
            wished.cancel()

    async def _pump(self, output: BinaryIO) -> None:
        reader = asyncio.StreamReader(limit=LINE_LIMIT_BYTES)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), output)
        with contextlib.closing(transport), open_log(self.program.log) as log:
            while True:
                try:
                    raw = await reader.readline()
                except ValueError:  # a line longer than the limit: asyncio has dropped it
                    raw = b"(a line too long to show was dropped)\n"
                if not raw:
                    return
                text = raw.decode("utf-8", "replace").rstrip("\n")
                log.write(text + "\n")
                self._tail.append(text)
                if not self.program.quiet:
                    self._console.line(self.name, text)

    async def _probe(self, program: Program) -> None:
        while not await program.ready():  # noqa: ASYNC110 - another process has no Event to wait for
            await asyncio.sleep(PROBE_INTERVAL_SECONDS)
        self._ready.set()
        self._was_ready = True
        self._on_change()

    def _failure(self, reason: str) -> StackError:
        lines = "".join(f"\n    {line}" for line in self._tail)
        return StackError(f"{reason}; its log is {self.program.log}{', which ends:' + lines if lines else ''}")


def _kill_group(pid: int) -> None:
    """Kill what a dead process has left behind in its session's group: its own children."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
