"""What an owner does to a job while it runs: cancel, delete, pause, choose files."""

from __future__ import annotations

import asyncio

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person, refused
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import MIB, World
from tests.faults.invariants import open_uploads

SLOW = 2 * MIB  # bytes a second


async def nothing_left(world: World) -> None:
    """Wait until S3 is empty: no object, no upload."""

    async def empty() -> bool:
        return not await world.keys() and not await asyncio.to_thread(open_uploads, world.stack.s3)

    await wait_for(empty, "S3 is empty")


async def test_cancel_while_downloading(world: World, ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    """What is stored by then stays, and stays charged; nothing else does."""
    small = {f"small-{number}.bin": 100_000 for number in range(8)}
    made = await sample(files={**small, "large.bin": 40 * MIB})
    await swarm.seed(made, rate=4 * MIB)
    job = await ann.submit(swarm.torrent(made))

    async def first_stored() -> bool:
        now = await ann.client.job(job["job_id"])
        assert now["state"] in ("queued", "downloading")
        return now["stored_files"] > 0

    await wait_for(first_stored, "a small file is stored")
    cancelled = await ann.client.act(job["job_id"], "cancel")
    assert cancelled["state"] == "cancelled"
    files = await ann.files(job)
    stored = [file for file in files.values() if file["state"] == "stored"]
    assert len(stored) == cancelled["stored_files"] > 0
    assert {file["state"] for file in files.values()} == {"stored", "dropped"}
    assert files["large.bin"]["state"] == "dropped"
    truth = {file.path: file.sha256 for file in made.files}
    assert all(truth[path] == digest for path, digest in (await ann.sums(stored)).items())
    usage = await ann.client.usage()
    assert (usage["charged_bytes"], usage["reserved_bytes"], usage["live_jobs"]) == (100_000 * len(stored), 0, 0)
    await _let_go(world, swarm, job_id=job["job_id"])
    await ann.delete(job)
    await nothing_left(world)


async def _let_go(world: World, swarm: Swarm, *, job_id: str) -> None:
    """The agent gives the transfer up: its lease is gone, and its tracker hears that it has stopped."""

    async def stopped() -> bool:
        held = await world.count(
            "SELECT count(*) FROM leases JOIN jobs USING (transfer_id) WHERE job_id = $1::uuid", job_id
        )
        return held == 0 and any(announce.event == "stopped" for announce in swarm.tracker.announces)

    await wait_for(stopped, "the agent has let the transfer go")


async def test_delete_while_downloading(world: World, ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(20 * MIB)
    await swarm.seed(made, rate=SLOW)
    job = await ann.submit(swarm.magnet(made))
    await ann.fetched(job, 0.1)
    await ann.delete(job)
    await refused(404, "job_not_found", ann.client.job(job["job_id"]))
    usage = await ann.client.usage()
    assert (usage["charged_bytes"], usage["reserved_bytes"], usage["live_jobs"]) == (0, 0, 0)
    await nothing_left(world)


async def test_deleting_a_stored_job_deletes_its_objects(
    world: World, ann: Person, swarm: Swarm, sample: MakeSample
) -> None:
    made = await sample(6 * MIB, 10, 0)
    await swarm.seed(made)
    job = await ann.completed(await ann.submit(swarm.torrent(made)))
    files = await ann.has(job, made)
    await ann.delete(job)
    for file in files.values():
        await refused(404, "file_not_found", ann.client.file(file["file_id"]))
    await nothing_left(world)


async def test_deleting_one_file_frees_its_bytes(world: World, ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(files={"a.bin": 2 * MIB, "b.bin": 1 * MIB})
    await swarm.seed(made)
    before = await world.keys()
    job = await ann.completed(await ann.submit(swarm.torrent(made)))
    files = await ann.has(job, made)
    async with ann.http() as http:
        assert (await http.delete(f"/v1/files/{files['a.bin']['file_id']}")).status_code == 204
    assert (await ann.client.usage())["charged_bytes"] == 1 * MIB
    assert list(await ann.files(job)) == ["b.bin"]
    await refused(404, "file_not_found", ann.client.file(files["a.bin"]["file_id"]))

    async def one_left() -> bool:
        return len(await world.keys() - before) == 1

    await wait_for(one_left, "the file's object is deleted")


async def test_pause_and_resume(world: World, ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    """Parked, the transfer belongs to nobody; resumed, it goes on from what S3 holds."""
    made = await sample(files={**{f"{number}.bin": 200_000 for number in range(10)}, "large.bin": 11 * MIB})
    await swarm.seed(made, rate=4 * MIB)
    job = await ann.submit(swarm.torrent(made))
    await ann.fetched(job, 0.3)
    assert (await ann.client.act(job["job_id"], "pause"))["state"] == "paused"

    async def parked() -> bool:
        return (
            await world.count(
                "SELECT count(*) FROM leases JOIN jobs USING (transfer_id) WHERE job_id = $1::uuid", job["job_id"]
            )
            == 0
        )

    await wait_for(parked, "the paused transfer's lease is released")
    await swarm.seed(made)
    await ann.client.act(job["job_id"], "resume")
    await ann.has(await ann.completed(job), made)


async def test_a_selection(world: World, ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    """Only what is selected is fetched, stored and charged; a wider selection after the end goes on from there."""
    sizes = {"a.bin": 1_000_000, "b.bin": 6 * MIB, "c.bin": 70_000, "d.bin": 3 * MIB}
    made = await sample(files=sizes)
    await swarm.seed(made)
    before = await world.keys()
    job = await ann.submit(swarm.torrent(made), selection=[0, 2])
    assert job["wanted_bytes"] == sizes["a.bin"] + sizes["c.bin"]
    done = await ann.completed(job)
    await ann.has(done, made, wanted={"a.bin", "c.bin"})
    assert (await ann.client.usage())["charged_bytes"] == sizes["a.bin"] + sizes["c.bin"]
    assert len(await world.keys() - before) == 2
    async with ann.http() as http:
        answer = await http.put(f"/v1/jobs/{job['job_id']}/selection", json={"file_indexes": [0, 1, 2]})
    assert answer.status_code == 200
    assert answer.json()["run"] == 2
    await ann.has(await ann.completed(job), made, wanted={"a.bin", "b.bin", "c.bin"})


async def test_a_selection_of_a_magnet_wider_while_it_runs(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(files={"a.bin": 8 * MIB, "b.bin": 2 * MIB, "c.bin": 500})
    await swarm.seed(made, rate=4 * MIB)
    job = await ann.submit(swarm.magnet(made), selection=[0])
    await ann.fetched(job, 0.3)
    async with ann.http() as http:
        answer = await http.put(f"/v1/jobs/{job['job_id']}/selection", json={"file_indexes": [0, 2]})
    assert answer.status_code == 200
    await swarm.seed(made)
    await ann.has(await ann.completed(job), made, wanted={"a.bin", "c.bin"})
