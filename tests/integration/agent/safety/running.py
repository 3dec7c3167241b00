"""Starts the world and the swarm under test, and asks them what happened."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.agent.safety.namespaces import Namespace
from tests.integration.agent.safety.places import Way
from tseeder_testkit.children import stop

PATIENCE = 120.0
_PAUSE = 0.1
_LINE = 1 << 24
HERE = "tests.integration.agent.safety"
_WAYS = frozenset(map(int, Way))

Contacts = Counter[tuple[str, str, int]]


@dataclass(frozen=True)
class Asked:
    """A process that answers each line on its stdin with one line."""

    process: asyncio.subprocess.Process

    async def ask(self, line: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()
        return json.loads(await asyncio.wait_for(self.process.stdout.readline(), PATIENCE))

    async def contacts(self) -> Contacts:
        """Of a world: (protocol, address, port) -> how often, for all ports."""
        told = await self.ask("")
        assert not told["lost"], "packets came too fast to be counted"
        return Counter({(kind, host, port): count for kind, host, port, count in told["seen"]})


@asynccontextmanager
async def started(
    namespace: Namespace, module: str, *words: str, first: str = "", env: Mapping[str, str] | None = None
) -> AsyncIterator[Asked]:
    """`module` in `namespace`, when it has said that it is ready; `first` is its first line."""
    argv = namespace.command(sys.executable, "-m", module, *words)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=pipe, stdout=pipe, env={**os.environ, **(env or {})}, limit=_LINE
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        if first:
            process.stdin.write(first.encode() + b"\n")
        said = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        assert said == b"ready\n", f"{module} is not ready: {said!r}"
        yield Asked(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await stop(process)


@asynccontextmanager
async def probing(
    inside: Namespace, folder: Path, told: Mapping[str, Any], env: Mapping[str, str] | None = None
) -> AsyncIterator[Asked]:
    """The swarm, with what it is told."""
    async with started(inside, f"{HERE}.prober", str(folder), first=json.dumps(told), env=env) as asked:
        yield asked


async def seen_by(worlds: Sequence[Asked]) -> Contacts:
    """What all worlds together have seen."""
    return sum([await world.contacts() for world in worlds], Counter())


async def until(worlds: Sequence[Asked], enough: Callable[[Contacts], bool]) -> Contacts:
    """What the worlds have seen, once that is enough; or after PATIENCE, for the caller to say what is missing."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        seen = await seen_by(worlds)
        if enough(seen) or asyncio.get_running_loop().time() > deadline:
            return seen
        await asyncio.sleep(_PAUSE)


async def settled(worlds: Sequence[Asked], seconds: float = 1.5) -> Contacts:
    """What the worlds have seen, once for `seconds` nobody new was contacted."""
    seen = await seen_by(worlds)
    since = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() - since < seconds:
        await asyncio.sleep(_PAUSE)
        if set(now := await seen_by(worlds)) != set(seen):
            since = asyncio.get_running_loop().time()
        seen = now
    return seen


def by_way(contacts: Contacts) -> dict[Way, set[str]]:
    """The addresses that were contacted, by way."""
    found: dict[Way, set[str]] = {}
    for _, host, port in contacts:
        if port in _WAYS:
            found.setdefault(Way(port), set()).add(host)
    return found
