"""Row 11: the disk of an agent is full."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.fixtures import MakeSample
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import MIB, World
from tests.faults.long.ground import AGENTS, Ground, grounded
from tests.faults.long.report import Row
from tests.faults.looking import epochs, lease
from tseeder_cli.wire import Job
from tseeder_pg import Record
from tseeder_testkit.s3_faults import Held

DISK_MIB = 96
SMALL, LARGE = AGENTS
"""The agent whose disk is small, and the other."""


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    """A stack of its own: the first agent's scratch folder is a small disk."""
    async with grounded(presigned=False, small_disk_mib=DISK_MIB) as ground:
        yield ground
        ground.heal()
        await ground.world.sound(timeout=120)


@pytest.mark.timeout(480)
async def test_row11_a_full_disk_hands_over_one_transfer(
    ground: Ground, world: World, swarm: Swarm, sample: MakeSample, row: Row
) -> None:
    """Something else fills the small disk while it has two transfers: one that is fetched, and is now storing, stays
    where it is; the other goes to the agent that has room."""
    row.mode, row.done = ground.mode, f"disk of {DISK_MIB} MiB filled under a transfer; another one beside it"
    whole_one = await sample(files={"a.bin": 11 * MIB, "small": 100_000})
    growing = await sample(files={"b.bin": 48 * MIB, "c.bin": 6 * MIB})
    await swarm.seed(whole_one)
    await swarm.seed(growing, rate=2 * MIB)
    await world.stack.stop(LARGE)
    ground.storage[SMALL].fail(Held(), "UploadPart", "PutObject")
    kept = await world.ann.submit(swarm.torrent(whole_one))
    await world.ann.until(kept, "storing")
    moved = await world.ann.submit(swarm.torrent(growing))
    await world.ann.fetched(moved, 0.1)
    await world.stack.start(LARGE)
    await asyncio.to_thread(_fill, _scratch(world, SMALL) / "ballast")
    await swarm.seed(growing)

    async def handed_over() -> bool:
        found = await lease(world, moved)
        return found is not None and found[0] == LARGE

    await wait_for(handed_over, "the other agent has it", timeout=100)
    assert (await _first_attempt(world, moved))["reason_code"] == "agent_disk_full"
    await world.ann.has(await world.ann.completed(moved), growing)
    ground.heal()
    await world.ann.has(await world.ann.completed(kept), whole_one)
    assert (await _first_attempt(world, kept))["agent_id"] == SMALL
    assert await epochs(world, kept) == [1], "it was disturbed"
    row.again = ground.sent_again()
    assert row.again == 0


async def _first_attempt(world: World, job: Job) -> Record:
    rows = await world.fetch(
        "SELECT a.* FROM attempts a JOIN jobs USING (transfer_id) WHERE job_id = $1::uuid ORDER BY a.epoch LIMIT 1",
        job["job_id"],
    )
    return rows[0]


def _scratch(world: World, agent: str) -> Path:
    """An agent's scratch folder, as the agent sees it."""
    return Path(f"/proc/{world.stack.pid(agent)}/root") / str(world.stack.options.state / "scratch" / agent)[1:]


def _fill(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(MIB))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                return
