"""An agent whose S3 secret is wrong: nothing is claimed to be stored, the job says why, and later goes on."""

from __future__ import annotations

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import MIB, World
from tseeder_cli.wire import Job, Reason

SECRET = "TSEEDER_AGENT_S3_SECRET_KEY"


async def test_a_wrong_secret(world: World, ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    """Both ways of writing: a multipart upload, and small files by one PUT."""
    made = await sample(files={"large.bin": 11 * MIB, "small.bin": 1000})
    await swarm.seed(made)
    before = await world.keys()
    stack = world.stack
    right = stack.env("agent-1")[SECRET]
    await stack.restart("agent-1", {SECRET: "not-the-secret-of-this-key"})
    try:
        job = await ann.submit(swarm.torrent(made))

        async def told() -> Reason | None:
            return (await ann.client.job(job["job_id"]))["reason"]

        reason = await wait_for(told, "the job says what holds it up")
        assert reason["code"] == "storage_refused"
        assert "not-the-secret" not in reason["message"]
        await _is_not_stored(world, ann, job, before)
    finally:
        await stack.restart("agent-1", {SECRET: right})
    done = await ann.completed(job)
    assert done["reason"] is None
    await ann.has(done, made)


async def _is_not_stored(world: World, person: Person, job: Job, before: set[str]) -> None:
    now = await person.client.job(job["job_id"])
    assert now["state"] in ("queued", "downloading", "storing")
    assert (now["stored_files"], now["stored_bytes"]) == (0, 0)
    assert {file["state"] for file in (await person.files(job)).values()} == {"pending"}
    assert await world.keys() <= before
    assert (await person.client.usage())["charged_bytes"] == 0
