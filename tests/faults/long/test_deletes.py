"""Row 13: deletes race uploads and readers."""

from __future__ import annotations

import pytest

from tests.e2e.fixtures import MakeSample
from tests.e2e.seeding import Swarm
from tests.e2e.world import MIB, World
from tests.faults.deleting import begun, delete, has_read, nothing_left
from tests.faults.long.ground import Ground, chance
from tests.faults.long.modes import BOTH
from tests.faults.long.report import Row

ROUNDS = 6
SIZE = 24 * MIB


@pytest.mark.timeout(480)
@BOTH
async def test_row13_deletes_meet_uploads_and_readers(
    ground: Ground, world: World, swarm: Swarm, sample: MakeSample, row: Row
) -> None:
    """At random points of what is fetched, sent to S3 and read. Nothing stays in S3, nothing is charged, and a reader
    has right bytes: all of them, or a visible cut."""
    rng, seed = chance()
    row.mode, row.done = ground.mode, f"{ROUNDS} deletes under a reader, FAULT_SEED={seed}"
    for number in range(ROUNDS):
        made = await sample(SIZE)
        await swarm.seed(made, rate=12 * MIB)
        job = await world.ann.submit(swarm.torrent(made))
        reader, reading = await begun(world.ann, job, made)
        await has_read(reader, reading, rng.uniform(0, 0.97))
        await delete(reader, job, whole_job=number % 2 == 0)
        await reading
        await nothing_left(world)
