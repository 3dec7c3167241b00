"""B6: what 50 people who sign in at once cost everybody else: other routes' latency while they do, by that at rest.

Requests to the other routes begin on a clock, whether the ones before are answered or not, and are measured from when
they were due: what waits behind a slow answer counts.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.accounts import Accounts, stack_with_accounts
from tests.bench.progress import say
from tests.bench.results import BenchError, Result, Row, result
from tests.bench.workplace import workplace

NAME: Final = "logins"
ROUNDS: Final = 5
AT_ONCE: Final = 50
PHASE_SECONDS: Final = 15.0
EVERY_SECONDS: Final = 0.02
ROUTES: Final = ("/v1/me", "/v1/jobs", "/v1/files", "/v1/usage")
OK: Final = 200


@dataclass
class Figures:
    """Of each round: milliseconds of the other routes at rest and beside the sign-ins, and those a second."""

    idle: list[list[float]] = field(default_factory=list)
    busy: list[list[float]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    longest: list[float] = field(default_factory=list)  # seconds of the slowest wave


def run(rounds: int = ROUNDS, phase_seconds: float = PHASE_SECONDS) -> Result:
    """Run the bench."""
    with workplace(gib_free=4) as folder:
        return figures_of(asyncio.run(_bench(folder, rounds, phase_seconds)))


async def _bench(folder: Path, rounds: int, phase_seconds: float) -> Figures:
    seen = Figures()
    async with stack_with_accounts(folder / "state", AT_ONCE) as accounts:
        await _probed(accounts, 1.0)
        await _wave(accounts)
        say("a second and a wave that do not count have warmed it up")
        for number in range(1, rounds + 1):
            seen.idle.append(await _probed(accounts, phase_seconds))
            busy, waves = await _beside_sign_ins(accounts, phase_seconds)
            seen.busy.append(busy)
            seen.rates.append(AT_ONCE * len(waves) / sum(waves))
            seen.longest.append(max(waves))
            before, beside = percentile(seen.idle[-1], 99), percentile(busy, 99)
            say(f"round {number}/{rounds}: p99 {before:.1f} ms, beside {len(waves)} waves {beside:.1f} ms")
    return seen


async def _beside_sign_ins(accounts: Accounts, seconds: float) -> tuple[list[float], list[float]]:
    """The other routes' milliseconds while wave follows wave, and each wave's seconds."""
    waves: list[float] = []
    probing = asyncio.create_task(_probed(accounts, seconds))
    while not probing.done():
        waves.append(await _wave(accounts))
    return await probing, waves


async def _wave(accounts: Accounts) -> float:
    """50 people sign in at the same moment; seconds until the last one is in."""
    began = time.perf_counter()
    statuses = await asyncio.gather(*(accounts.log_in(*person) for person in accounts.people))
    if set(statuses) != {OK}:
        raise BenchError(f"sign-ins were answered with {sorted(set(statuses))}")
    return time.perf_counter() - began


async def _probed(accounts: Accounts, seconds: float) -> list[float]:
    """Milliseconds of requests to each route in turn, one every EVERY_SECONDS."""
    began = time.perf_counter()
    routes = itertools.cycle(ROUTES)
    async with asyncio.TaskGroup() as asked:
        tasks = []
        for number in range(int(seconds / EVERY_SECONDS)):
            due = began + number * EVERY_SECONDS
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asked.create_task(_milliseconds(accounts, next(routes), due)))
    return [task.result() for task in tasks]


async def _milliseconds(accounts: Accounts, path: str, due: float) -> float:
    headers = {"Authorization": f"Bearer {accounts.key}"}
    async with accounts.http.get(accounts.url + path, headers=headers) as answer:
        await answer.read()
        if answer.status != OK:
            raise BenchError(f"{path} was answered with {answer.status}")
    return (time.perf_counter() - due) * 1000


def percentile(values: Sequence[float], hundredth: int) -> float:
    """Of 100 equal parts, where this one ends."""
    return statistics.quantiles(values, n=100, method="inclusive")[hundredth - 1]


def figures_of(seen: Figures) -> Result:
    """The rows, and by how much the 99th percentile rises, round by round."""
    rows = []
    for name, phases in (("at rest", seen.idle), (f"beside {AT_ONCE} sign-ins", seen.busy)):
        rows += [
            Row.of(f"other routes {name}, p{hundredth}", "ms", [percentile(phase, hundredth) for phase in phases])
            for hundredth in (50, 99)
        ]
    rows.append(Row.of("sign-ins, all of them", "1/s", seen.rates))
    rows.append(Row.of(f"the slowest {AT_ONCE} at once, to the last one", "s", seen.longest))
    added = [percentile(busy, 99) - percentile(idle, 99) for idle, busy in zip(seen.idle, seen.busy, strict=True)]
    return result(NAME, rows, {"p99_added_ms": round(statistics.median(added), 3)})
