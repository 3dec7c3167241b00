"""What processes cost, from /proc: of a process with all its descendants."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from tests.bench.results import BenchError
from tseeder_stack.run_once import prelude

TICKS: Final = os.sysconf("SC_CLK_TCK")
KIB_PER_MIB: Final = 1024
RESET_PEAK: Final = "5"  # see proc_pid_clear_refs(5)


@dataclass(frozen=True)
class Memory:
    """MiB of a process tree. `rss` counts a page once for each process, `pss` shares it between those that map it."""

    rss: float
    pss: float
    processes: int
    first_rss: float  # of the process that was asked for


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds of wall clock, seconds of CPU (its children's too)."""

    seconds: float
    cpu: float


def tree(pid: int) -> list[int]:
    """`pid` and its descendants that live."""
    try:
        found = [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in _words(path)]
    except OSError:  # it ends right now
        found = []
    return [pid, *(one for child in found for one in tree(child))]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def cpu_seconds(pid: int) -> float:
    """CPU that a process and its descendants have used, those that have ended included."""
    ticks = 0
    for member in tree(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])  # utime, stime, and both of the children waited for
    return ticks / TICKS


def memory(pid: int, *, alone: bool = False) -> Memory:
    """What a process holds now, with its descendants unless `alone`."""
    members = [pid] if alone else tree(pid)
    sums = [_kib(Path(f"/proc/{member}/smaps_rollup")) for member in members]
    rss, pss = (sum(fields.get(name, 0) for fields in sums) / KIB_PER_MIB for name in ("Rss", "Pss"))
    return Memory(rss, pss, len(members), sums[0].get("Rss", 0) / KIB_PER_MIB)


def forget_peak(pid: int) -> None:
    """Start `peak_mib` of a process tree anew."""
    for member in tree(pid):
        Path(f"/proc/{member}/clear_refs").write_text(RESET_PEAK)


def peak_mib(pid: int) -> float:
    """The most resident memory (VmHWM) of each process of the tree since `forget_peak`, summed up, in MiB."""
    return sum(_kib(Path(f"/proc/{member}/status")).get("VmHWM", 0) for member in tree(pid)) / KIB_PER_MIB


def _kib(path: Path) -> dict[str, int]:
    """The lines "Name:  123 kB" of a file; the first of a name counts."""
    found: dict[str, int] = {}
    try:
        lines = path.read_text().splitlines()
    except OSError:  # it has ended
        return found
    for line in lines:
        words = line.split()
        if len(words) == 3 and words[2] == "kB":
            found.setdefault(words[0].rstrip(":"), int(words[1]))
    return found


def start(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, out: BinaryIO
) -> subprocess.Popen[bytes]:
    """Start a command (after a `prelude`, so that it ends with the bench); all that it writes goes to `out`."""
    return subprocess.Popen(
        argv,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
    )


def end_of(log: Path) -> str:
    """The last words of a log."""
    return log.read_text(errors="replace")[-1500:]


async def run(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, log: Path) -> Cost:
    """Run a command to its end. BenchError with the end of its words if it fails. Call it in the main thread."""
    with log.open("ab") as out:
        began = time.monotonic()
        process = start([*prelude(None), *argv], cwd=cwd, env=env, out=out)
        try:
            _, status, usage = await asyncio.to_thread(os.wait4, process.pid, 0)
        except asyncio.CancelledError:
            process.kill()  # the thread above reaps it
            raise
        seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise BenchError(f"`{' '.join(argv[:6])}` failed ({process.returncode}): {end_of(log)}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime)
