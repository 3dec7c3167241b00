"""B4: the stack at rest: `make up` to ready with and without a state, what its programs hold in memory, image sizes."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench import processes
from tests.bench.processes import Memory
from tests.bench.progress import say
from tests.bench.results import ROOT, BenchError, Result, Row, result
from tests.bench.workplace import workplace
from tseeder_stack.options import SERVICES, kind_of
from tseeder_stack.run_once import prelude

NAME: Final = "rest"
ROUNDS: Final = 3
REST_SECONDS: Final = 30.0
AGENTS: Final = (1, 2, 3)
LONGEST_SECONDS: Final = 460.0
READY_SECONDS: Final = 90.0
LOOK_SECONDS: Final = 0.02
IMAGE: Final = re.compile(r"(?:\S*/)?tseeder/(?P<name>[a-z]+)\s+(?P<size>[\d.]+)\s*(?P<unit>[kMG]?B)\s*$")
MEGABYTES: Final = {"B": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}


@dataclass
class Figures:
    """What was seen."""

    cold: dict[str, list[float]] = field(default_factory=dict)  # seconds, by S3 server
    warm: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, Memory] = field(default_factory=dict)  # by program, after REST_SECONDS
    by_agents: dict[int, tuple[float, float]] = field(default_factory=dict)  # seconds to ready, MiB (PSS) of all


def run(rounds: int = ROUNDS, rest_seconds: float = REST_SECONDS) -> Result:
    """Run the bench. No root is needed; where RadosGW is not installed, only rclone is measured."""
    subprocess.run(["make", "--silent", "setup"], cwd=ROOT, check=True)  # so that no start has it to do
    with workplace(gib_free=12) as folder:
        return asyncio.run(_within_time(folder, rounds, rest_seconds))


async def _within_time(folder: Path, rounds: int, rest_seconds: float) -> Result:
    try:
        async with asyncio.timeout(LONGEST_SECONDS) as limit:
            seen = await _bench(folder, rounds, rest_seconds)
            return figures_of(seen, await asyncio.to_thread(image_sizes))
    except TimeoutError:
        if not limit.expired():
            raise
        raise BenchError(f"not done after {LONGEST_SECONDS:.0f} s: is this machine busy?") from None


async def _bench(folder: Path, rounds: int, rest_seconds: float) -> Figures:
    seen = Figures()
    async with _up(folder / "first", s3="rclone"):
        say("one start that does not count has warmed the caches")
    kinds = ["rclone"] + (["radosgw"] if shutil.which("radosgw") else [])
    for number in range(1, rounds + 1):
        for kind in kinds:  # in turn
            state = folder / f"{kind}-{number}"
            for how, times in (("cold", seen.cold), ("warm", seen.warm)):
                async with _up(state, s3=kind) as up:
                    times.setdefault(kind, []).append(up.seconds)
                say(f"round {number}/{rounds}: {kind}, {how}: ready after {up.seconds:.2f} s")
    for agents in AGENTS:
        async with _up(folder / f"{kinds[-1]}-1", s3=kinds[-1], agents=agents) as up:
            say(f"{agents} agent(s): ready after {up.seconds:.2f} s; at rest for {rest_seconds:.0f} s")
            await asyncio.sleep(rest_seconds)
            held = {name: processes.memory(pid) for name, pid in up.programs.items()}
            held["launcher"] = processes.memory(up.launcher, alone=True)
        seen.by_agents[agents] = (up.seconds, sum(memory.pss for memory in held.values()))
        seen.memory = seen.memory or held
    return seen


@dataclass(frozen=True)
class _Up:
    seconds: float
    programs: dict[str, int]  # process ids
    launcher: int


@asynccontextmanager
async def _up(state: Path, *, s3: str, agents: int = 1) -> AsyncIterator[_Up]:
    """`make up`, ready; stopped at the end."""
    log = state.with_name(f"{state.name}.log")
    began = time.monotonic()
    with log.open("ab") as out:
        argv = [*prelude(None, signal.SIGTERM), "make", "up", "QUIET=1", f"S3={s3}", f"AGENTS={agents}"]
        process = processes.start(argv, cwd=ROOT, env={"TSEEDER_STATE": str(state)}, out=out)
    launcher = 0
    try:
        said = await _running(process, state / "stack.json", log)
        seconds = time.monotonic() - began
        launcher = int(said["launcher_pid"])
        _check(said["urls"]["gateway"] + "/readyz")
        yield _Up(seconds, {name: program["pid"] for name, program in said["programs"].items()}, launcher)
    finally:
        if launcher:
            os.kill(launcher, signal.SIGTERM)  # not to make, which would not wait for it
        else:
            process.terminate()
        await asyncio.to_thread(process.wait, 60)


async def _running(process: subprocess.Popen[bytes], stack: Path, log: Path) -> dict[str, Any]:
    """What stack.json says once it says "running"."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        said = _said(stack)  # that of the last run says "stopped" until this one writes it
        if said.get("status") == "running":
            return said
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"`make up` does not get ready: {processes.end_of(log)}")
        await asyncio.sleep(LOOK_SECONDS)


def _said(stack: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(stack.read_text()))
    except (OSError, ValueError):
        return {}


def _check(url: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(url, timeout=5).close()
    except urllib.error.URLError as error:
        raise BenchError(f"`make up` says that it is ready, and the gateway is not: {error}") from error


def image_sizes() -> dict[str, float]:
    """MB of the images tseeder/<service> that are on this machine, largest of each name; by service. Blocking."""
    sizes: dict[str, float] = {}
    for tool in ("buildah", "docker"):
        if shutil.which(tool) is None:
            continue
        argv = [tool, "images", "--format", "{{.Name}} {{.Size}}" if tool == "buildah" else "{{.Repository}} {{.Size}}"]
        listed = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False).stdout
        for line in listed.splitlines():
            if (found := IMAGE.search(line)) and found["name"] in (*SERVICES, "agent"):
                size = float(found["size"]) * MEGABYTES[found["unit"]]
                sizes[found["name"]] = max(size, sizes.get(found["name"], 0.0))
    return sizes


def figures_of(seen: Figures, images: dict[str, float]) -> Result:
    """The rows and ratios of what was seen."""
    rows = [Row.of(f"make up, cold, S3 is {kind}", "s", seconds) for kind, seconds in seen.cold.items()]
    rows += [Row.of(f"make up, warm, S3 is {kind}", "s", seconds) for kind, seconds in seen.warm.items()]
    for name, memory in seen.memory.items():
        rows.append(Row.of(f"at rest: {name}, RSS ({memory.processes} processes)", "MiB", [memory.rss]))
        if memory.processes > 1:
            rows.append(Row.of(f"at rest: {name}, RSS of its first process", "MiB", [memory.first_rss]))
        rows.append(Row.of(f"at rest: {name}, PSS", "MiB", [memory.pss]))
    for agents, (seconds, mib) in seen.by_agents.items():
        rows.append(Row.of(f"make up, warm, {agents} agents", "s", [seconds]))
        rows.append(Row.of(f"at rest: everything with {agents} agents, PSS", "MiB", [mib]))
    rows += _slopes(seen)
    rows += [Row.of(f"image: {name}", "MB", [size]) for name, size in sorted(images.items())]
    ours = {name: memory.rss for name, memory in seen.memory.items() if kind_of(name) in (*SERVICES, "agent")}
    return result(
        NAME,
        rows,
        {
            "warm_up_s": max(row.value for row in rows if row.name.startswith("make up, warm, S3")),
            "service_mib": max(mib for name, mib in ours.items() if kind_of(name) != "agent"),
            "agent_mib": max(mib for name, mib in ours.items() if kind_of(name) == "agent"),
        },
    )


def _slopes(seen: Figures) -> list[Row]:
    """What one more agent costs, between each two counts: the second step must not cost more than the first."""
    rows: list[Row] = []
    for place, (what, unit) in enumerate((("seconds to ready", "s"), ("MiB (PSS) at rest", "MiB"))):
        values = [pair[place] for pair in seen.by_agents.values()]
        steps = [after - before for before, after in itertools.pairwise(values)]
        if steps:
            rows.append(Row.of(f"slope: {what} for each more agent", unit, steps))
    return rows
