"""Whom the bytes come from: peers that lie, and peers whose code shares nothing with ours."""

from __future__ import annotations

import pytest

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import MIB
from tseeder_testkit.aria2 import aria2_seeding
from tseeder_testkit.hostile import Malice, hostile_peer


@pytest.mark.parametrize("malice", [Malice.CORRUPT_ALL, Malice.CORRUPT_ONE_BLOCK])
async def test_a_peer_that_sends_corrupt_data(ann: Person, swarm: Swarm, sample: MakeSample, malice: Malice) -> None:
    """It is heard first, alone; with a good peer beside it every byte is right in the end."""
    made = await sample(files={"a.bin": 9 * MIB, "b.bin": 100_000})
    async with hostile_peer(made, malice) as liar:
        swarm.tracker.add_peer(made.wire_hash, liar.host, liar.port)
        job = await ann.submit(swarm.torrent(made))

        async def believed() -> bool:
            return liar.served > 0

        await wait_for(believed, "the agent has asked the liar")
        await swarm.seed(made)
        await ann.has(await ann.completed(job), made)
        assert liar.served > 0


async def test_a_swarm_whose_peers_each_have_a_part(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    """Two peers, each with half of the pieces."""
    made = await sample(files={"a.bin": 4 * MIB, "b.bin": 4 * MIB})
    for missing in made.files:
        await swarm.seed(made, root=await swarm.without(made, missing.path))
    await ann.has(await ann.completed(await ann.submit(swarm.magnet(made))), made)


@pytest.mark.aria2
async def test_only_aria2_seeds(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(files={"a.bin": 7 * MIB, "Ünïcödé/b.bin": 100_000})
    torrent = made.root.with_name("for-aria2.torrent")
    torrent.write_bytes(made.torrent_bytes(trackers=[swarm.tracker.url]))
    async with aria2_seeding(made, torrent):
        await swarm.tracker.wait_for_peers(made.wire_hash, 1)
        done = await ann.completed(await ann.submit(swarm.magnet(made)))
        await ann.has(done, made)


async def test_no_peers_at_first(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    """A magnet that nobody seeds waits, and goes on when somebody comes."""
    made = await sample(1 * MIB)
    job = await ann.submit(swarm.magnet(made))
    await ann.until(job, "resolving")
    await swarm.seed(made)
    await ann.has(await ann.completed(job), made)
