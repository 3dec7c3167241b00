"""Fixtures that the tests of e2e and faults share; their conftest.py files take them over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.seeding import Swarm, make_sample, swarming
from tseeder_testkit.torrents import FileSpec, Sample

MakeSample = Callable[..., Awaitable[Sample]]


@pytest.fixture
async def swarm() -> AsyncIterator[Swarm]:
    """A tracker of the test's own, whose seeders end with the test."""
    async with swarming() as swarm:
        yield swarm


@pytest.fixture
def sample(tmp_path: Path) -> MakeSample:
    """Torrents that no other test has: `await sample(files={"a/b.bin": 10})`, `await sample(10, 20)` for two files, or
    `await sample(sources=[path])` for the content of files that are there."""

    async def make(
        *sizes: int, files: dict[str, int] | None = None, sources: Sequence[Path] = (), **fields: Any
    ) -> Sample:
        named = files or {f"folder/file-{number:04}.bin": size for number, size in enumerate(sizes)}
        specs = [FileSpec(path.name, path.stat().st_size, path) for path in sources]
        specs = specs or [FileSpec(path, size) for path, size in named.items()]
        return await make_sample(tmp_path, specs, **fields)

    return make
