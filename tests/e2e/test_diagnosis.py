"""Why a job is stuck, by REST: what its owner is told while a tracker refuses, and that nobody else is."""

from __future__ import annotations

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import World
from tseeder_cli.client import Source
from tseeder_cli.wire import Diagnosis

STALL = "TSEEDER_AGENT_STALL_SECONDS"
SAYS = "torrent not registered with this tracker"


async def test_a_job_whose_tracker_refuses(
    world: World, ann: Person, ben: Person, swarm: Swarm, sample: MakeSample
) -> None:
    """Two users wait on one transfer, each with a passkey of his own."""
    made = await sample(1000)
    swarm.tracker.refusal = SAYS
    stack = world.stack
    await stack.restart("agent-1", {STALL: "1"})
    try:
        urls = {person.email: swarm.tracker.url_with_key(f"passkey-of-{person.email}") for person in (ann, ben)}
        jobs = {
            person.email: await person.submit(Source(torrent=made.torrent_bytes(trackers=[urls[person.email]])))
            for person in (ann, ben)
        }
        for person in (ann, ben):
            job = jobs[person.email]

            async def told(person: Person = person, job_id: str = job["job_id"]) -> Diagnosis | None:
                found = await person.client.diagnosis(job_id)
                asked = found["swarm"] and found["swarm"]["trackers"][0]["state"] == "refuses"
                return found if found["verdict"] == "trackers_refuse" and asked else None

            found = await wait_for(told, "the job says that its tracker refuses")
            assert found["swarm"] is not None
            (tracker,) = found["swarm"]["trackers"]
            assert (tracker["url"], tracker["message"]) == (urls[person.email], SAYS)
            assert tracker["fails"] >= 1
            assert found["state"] == "downloading"
            assert found["advice"]
            assert found["swarm_seen_at"]
            assert [attempt["outcome"] for attempt in found["attempts"]] == [None]
            assert (await person.client.job(job["job_id"]))["reason"] is not None
        async with ben.http() as http:
            answer = await http.get(f"/v1/jobs/{jobs[ann.email]['job_id']}/diagnosis")
            assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    finally:
        await stack.restart("agent-1", {STALL: "60"})
    swarm.tracker.refusal = ""
    await swarm.seed(made)
    for person in (ann, ben):
        done = await person.completed(jobs[person.email])
        assert (await person.client.diagnosis(done["job_id"]))["verdict"] == "completed"
