"""The supervisor, with small programs that misbehave in one way each."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tseeder_stack.console import Console
from tseeder_stack.errors import StackError
from tseeder_stack.program import Program
from tseeder_stack.supervisor import Child

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
# Starts a child of its own, which ignores SIGTERM and holds on to the pipe, and says its pid.
PARENT = (
    "import subprocess, sys, time; child = subprocess.Popen(['sleep', '600']); print('child', child.pid, flush=True); "
    "time.sleep(600)"
)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie that nobody reaps has too)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def said(folder: Path, text: str) -> Callable[[], Awaitable[bool]]:
    """A readiness check: the program has written `text` into its log since the last look."""
    seen = 0

    async def ready() -> bool:
        nonlocal seen
        log = folder / "program.log"
        content = log.read_text() if log.exists() else ""
        found = content.find(text, seen)
        seen = len(content) if found >= 0 else seen
        return found >= 0

    return ready


@asynccontextmanager
async def supervised(
    folder: Path, code: str, *, text: str = "up", grace: float = 5.0
) -> AsyncIterator[tuple[Child, io.StringIO]]:
    shown = io.StringIO()
    program = Program(
        name="program",
        argv=(sys.executable, "-c", code),
        ready=said(folder, text),
        log=folder / "program.log",
        cwd=folder,
        grace_seconds=grace,
        restart_seconds=0.05,
    )
    child = Child(program, Console(shown), lambda: None)
    try:
        yield child, shown
    finally:
        await child.stop()


async def test_what_dies_is_restarted_and_a_line_says_so(tmp_path: Path) -> None:
    async with supervised(tmp_path, SLEEP) as (child, shown):
        await child.start(10)
        first = child.pid
        child.kill()
        await child.wait_ready(10)
        assert child.pid not in (None, first)
        assert child.restarts == 1
        assert "stack    | program died (exit -9), restarting in 0.05 s\n" in shown.getvalue()
        assert "program  | up\n" in shown.getvalue()


async def test_restarts_come_later_and_later(tmp_path: Path) -> None:
    async with supervised(tmp_path, SLEEP) as (child, shown):
        await child.start(10)
        for _ in range(2):
            child.kill()
            await child.wait_ready(10)
        assert "restarting in 0.05 s" in shown.getvalue()
        assert "restarting in 0.1 s" in shown.getvalue()


async def test_a_program_that_never_gets_up_fails_the_start_with_its_last_words(tmp_path: Path) -> None:
    async with supervised(tmp_path, "print('no such database'); raise SystemExit(3)") as (child, _):
        with pytest.raises(StackError, match=r"does not start \(exit 3\)") as caught:
            await child.start(30)
        assert "no such database" in str(caught.value)
        assert str(tmp_path / "program.log") in str(caught.value)


@pytest.mark.parametrize(("code", "tries"), [(os.EX_CONFIG, 1), (1, 3)])
async def test_wrong_settings_are_not_tried_again(tmp_path: Path, code: int, tries: int) -> None:
    async with supervised(tmp_path, f"print('misspelt'); raise SystemExit({code})") as (child, _):
        with pytest.raises(StackError) as caught:
            await child.start(30)
        assert str(caught.value).count("misspelt") == tries


async def test_a_program_that_is_not_ready_in_time_fails_the_start(tmp_path: Path) -> None:
    async with supervised(tmp_path, SLEEP, text="never said") as (child, _):
        with pytest.raises(StackError, match=r"program is not ready after 0\.5 s"):
            await child.start(0.5)


async def test_a_missing_program_is_named(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    program = Program("x", ("no-such-program",), said(tmp_path, "up"), log, tmp_path, restart_seconds=0.05)
    with pytest.raises(StackError, match="cannot run no-such-program: No such file"):
        await Child(program, Console(None), lambda: None).start(10)


async def test_stop_asks_and_then_kills(tmp_path: Path) -> None:
    async with supervised(tmp_path, STUBBORN, grace=0.3) as (child, shown):
        await child.start(10)
        pid = child.pid
        assert pid
        await child.stop()
        assert gone(pid)
        assert child.pid is None
        assert "did not stop in 0.3 s: killed" in shown.getvalue()


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_children_of_a_program_do_not_outlive_it(tmp_path: Path, end: str) -> None:
    async with supervised(tmp_path, PARENT, text="child") as (child, _):
        await child.start(10)
        grandchild = int((tmp_path / "program.log").read_text().split()[1])
        assert not gone(grandchild)
        if end == "stop":
            await child.stop()
        else:
            child.kill()
        await until(lambda: gone(grandchild))


async def test_programs_are_out_of_reach_of_the_terminals_ctrl_c(tmp_path: Path) -> None:
    async with supervised(tmp_path, SLEEP) as (child, _):
        await child.start(10)
        assert child.pid
        assert os.getsid(child.pid) == os.getpgid(child.pid) == child.pid


async def test_signals_that_python_ignores_are_not_ignored_by_programs(tmp_path: Path) -> None:
    shell = "grep SigIgn /proc/self/status; echo up; exec sleep 600"
    program = Program("p", ("sh", "-c", shell), said(tmp_path, "up"), tmp_path / "program.log", tmp_path)
    child = Child(program, Console(None), lambda: None)
    await child.start(10)
    ignored = int((tmp_path / "program.log").read_text().split()[1], 16)
    await child.stop()
    assert ignored & (1 << (signal.SIGPIPE - 1)) == 0
