"""Two users, one torrent: shared if it is public, apart if it is private."""

from __future__ import annotations

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person
from tests.e2e.seeding import Swarm
from tests.e2e.world import MIB, World
from tseeder_cli.client import Source


async def transfers(world: World, *people: Person) -> int:
    """How many transfers the jobs of these people have ever had that really ran."""
    return await world.count(
        """SELECT count(DISTINCT a.transfer_id) FROM attempts a JOIN transfers t USING (transfer_id)
           WHERE t.torrent_id IN (SELECT torrent_id FROM jobs WHERE user_id = ANY($1::uuid[]))""",
        [person.user_id for person in people],
    )


async def test_what_is_stored_already_completes_at_once(
    world: World, ann: Person, ben: Person, swarm: Swarm, sample: MakeSample
) -> None:
    made = await sample(files={"a.bin": 6 * MIB, "b.bin": 1000})
    before = await world.keys()
    seeder = await swarm.seed(made)
    assert seeder.pid
    first = await ann.completed(await ann.submit(swarm.torrent(made)))
    for source in (swarm.torrent(made), swarm.magnet(made)):
        second = await ben.submit(source)
        assert second["state"] == "completed"
        await ben.has(second, made)
    await ann.has(first, made)
    assert await transfers(world, ann, ben) == 1
    assert len(await world.keys() - before) == 2
    for person in (ann, ben):
        assert (await person.client.usage())["charged_bytes"] == made.total_size


async def test_who_comes_while_it_runs_joins_in(
    world: World, ann: Person, ben: Person, swarm: Swarm, sample: MakeSample
) -> None:
    made = await sample(files={"a.bin": 6 * MIB, "b.bin": 6 * MIB})
    before = await world.keys()
    await swarm.seed(made, rate=1 * MIB)
    first = await ann.submit(swarm.torrent(made))
    await ann.until(first, "downloading")
    second = await ben.submit(swarm.torrent(made))
    assert second["state"] in ("queued", "downloading")
    await swarm.seed(made)
    await ann.has(await ann.completed(first), made)
    await ben.has(await ben.completed(second), made)
    assert await transfers(world, ann, ben) == 1
    assert len(await world.keys() - before) == 2


async def test_magnets_of_one_public_torrent_join_when_it_is_known(
    world: World, ann: Person, ben: Person, swarm: Swarm, sample: MakeSample
) -> None:
    """Nobody has proven yet that the torrent is public: each magnet begins alone."""
    made = await sample(files={"a.bin": 6 * MIB})
    before = await world.keys()
    await swarm.seed(made, rate=4 * MIB)
    first = await ann.submit(swarm.magnet(made))
    second = await ben.submit(swarm.magnet(made))
    await ann.has(await ann.completed(first), made)
    await ben.has(await ben.completed(second), made)
    assert len(await world.keys() - before) == 1


async def test_a_private_torrent_is_fetched_and_stored_for_each_user(
    world: World, ann: Person, ben: Person, swarm: Swarm, sample: MakeSample
) -> None:
    made = await sample(files={"a.bin": 6 * MIB, "b.bin": 1000}, private=True)
    before = await world.keys()
    await swarm.seed(made)
    first = await ann.completed(await ann.submit(swarm.torrent(made)))
    second = await ben.submit(swarm.torrent(made))
    assert second["state"] == "queued", "what Ann has stored must not be given to Ben"
    second = await ben.completed(second)
    assert first["private"]
    assert second["private"]
    await ann.has(first, made)
    await ben.has(second, made)
    assert await transfers(world, ann) == await transfers(world, ben) == 1
    assert await transfers(world, ann, ben) == 2
    assert len(await world.keys() - before) == 4
    await ann.delete(first)
    await ben.has(second, made)


async def test_a_private_torrent_is_announced_with_its_own_users_passkey_only(
    ann: Person, ben: Person, swarm: Swarm, sample: MakeSample
) -> None:
    """One agent runs both, one after the other, since it never runs one hash twice."""
    made = await sample(files={"a.bin": 2 * MIB}, private=True)
    await swarm.seed(made)
    tracker = swarm.tracker
    sources = [Source(torrent=made.torrent_bytes(trackers=[tracker.url_with_key(key)])) for key in ("hers", "his")]
    hers, his = await ann.submit(sources[0]), await ben.submit(sources[1])
    await ann.has(await ann.completed(hers), made)
    await ben.has(await ben.completed(his), made)
    announced = [announce for announce in tracker.announces if announce.key]
    assert [announce.key for announce in announced if announce.event == "started"] == ["hers", "his"]
    assert {announce.key for announce in announced} == {"hers", "his"}
