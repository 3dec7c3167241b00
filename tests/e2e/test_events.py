"""A job's event stream: a snapshot, what is newer, the end."""

from __future__ import annotations

import asyncio

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person, collect
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import MIB


async def test_from_the_submit_to_the_end(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(files={"a.bin": 8 * MIB, "b.bin": 200_000})
    job = await ann.submit(swarm.torrent(made))
    watching = asyncio.create_task(collect(ann, job))
    await swarm.seed(made, rate=4 * MIB)
    events = await watching

    assert events[0].kind == "snapshot"
    assert events[0].data["job_id"] == job["job_id"]
    assert "progress" in events[0].data
    assert [event.kind for event in events].count("snapshot") == 1
    assert (events[-1].kind, events[-1].data) == ("end", {"reason": "completed"})
    versions = [event.data["version"] for event in events if event.kind in ("snapshot", "job")]
    assert versions == sorted(set(versions)), "ids rise"
    assert versions == [int(event.id) for event in events if event.kind in ("snapshot", "job")]
    last = [event.data for event in events if event.kind == "job"][-1]
    assert (last["state"], last["stored_bytes"]) == ("completed", made.total_size)

    progress = [event.data for event in events if event.kind == "progress"]
    assert progress, "a transfer of seconds tells how far it is"
    assert {item["job_id"] for item in progress} == {job["job_id"]}
    assert {item["wanted_bytes"] for item in progress} == {made.total_size}
    downloaded = [item["downloaded_bytes"] for item in progress]
    assert downloaded == sorted(downloaded)
    assert 0 < max(downloaded) <= made.total_size
    assert all(item["uploaded_bytes"] <= item["downloaded_bytes"] for item in progress)
    assert any(item["download_rate"] > 0 and item["peers"] > 0 for item in progress)


async def test_of_a_job_that_has_ended(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(100_000)
    await swarm.seed(made)
    job = await ann.completed(await ann.submit(swarm.torrent(made)))
    events = await collect(ann, job)
    assert [event.kind for event in events] == ["snapshot", "end"]
    assert events[0].data["state"] == "completed"


async def test_last_event_id(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    """A client that comes back with the version that is still true gets no snapshot; with an older one it does."""
    made = await sample(100_000)
    await swarm.seed(made)
    job = await ann.completed(await ann.submit(swarm.torrent(made)))
    (snapshot, _) = await collect(ann, job)
    again = await collect(ann, job, snapshot.id)
    assert [event.kind for event in again] == ["end"]
    older = await collect(ann, job, str(int(snapshot.id) - 1))
    assert [event.kind for event in older] == ["snapshot", "end"]


async def test_a_job_that_is_deleted_while_it_is_watched(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(100_000)
    job = await ann.submit(swarm.torrent(made))
    events = []
    async for event in ann.events(job):
        events.append(event)
        if event.kind in ("snapshot", "job") and event.data["state"] == "downloading":
            await ann.delete(job)
    assert (events[-1].kind, events[-1].data) == ("end", {"reason": "deleted"})


async def test_several_who_watch_one_job(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(2 * MIB)
    job = await ann.submit(swarm.torrent(made))
    watching = [asyncio.create_task(collect(ann, job)) for _ in range(5)]
    await ann.until(job, "downloading")
    await swarm.seed(made)
    for events in await asyncio.gather(*watching):
        assert events[-1].data == {"reason": "completed"}


async def test_both_users_of_a_shared_transfer_see_progress(
    ann: Person, ben: Person, swarm: Swarm, sample: MakeSample
) -> None:
    """Each sees the job's own files, not the transfer's."""
    made = await sample(files={"a.bin": 6 * MIB, "b.bin": 6 * MIB})
    whole = await ann.submit(swarm.torrent(made))
    half = await ben.submit(swarm.torrent(made), selection=[1])
    watching = [asyncio.create_task(collect(person, job)) for person, job in ((ann, whole), (ben, half))]
    await swarm.seed(made, rate=5 * MIB)
    for events, wanted in zip(await asyncio.gather(*watching), (12 * MIB, 6 * MIB), strict=True):
        told = {event.data["wanted_bytes"] for event in events if event.kind == "progress"}
        assert told == {wanted}


async def test_the_last_progress_is_in_the_snapshot(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(20 * MIB)
    await swarm.seed(made, rate=4 * MIB)
    job = await ann.submit(swarm.torrent(made))
    first = asyncio.create_task(collect(ann, job))
    await ann.fetched(job, 0.1)

    async def known() -> bool:
        async for event in ann.events(job):
            return event.kind == "snapshot" and event.data["progress"] is not None
        return False

    await wait_for(known, "a later watcher is told the progress at once")
    await ann.client.act(job["job_id"], "cancel")
    assert (await first)[-1].data == {"reason": "cancelled"}
