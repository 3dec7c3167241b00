"""What POST /v1/jobs promises beside the job: replays, lists, cursors."""

from __future__ import annotations

import asyncio
from urllib.parse import quote
from uuid import uuid4

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person, refused
from tests.e2e.seeding import Swarm
from tests.e2e.world import World
from tseeder_cli.client import Source


async def test_one_idempotency_key_is_one_job(world: World, ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made, other = await sample(1000), await sample(1000)
    key = str(uuid4())
    first, replayed = await ann.client.submit(swarm.torrent(made), key=key)
    assert not replayed
    again, replayed = await ann.client.submit(swarm.torrent(made), key=key)
    assert (again["job_id"], replayed) == (first["job_id"], True)
    await refused(422, "idempotency_key_reused", ann.client.submit(swarm.torrent(other), key=key))
    assert await _count(ann) == 1


async def test_fifty_parallel_submits_of_one_key(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    """Each answer is the one job, or a conflict that says that the first is under way."""
    made = await sample(1000)
    key = str(uuid4())
    torrent = made.torrent_bytes(trackers=[swarm.tracker.url])
    async with ann.http() as http:
        answers = await asyncio.gather(
            *(
                http.post("/v1/jobs", files={"torrent": ("a", torrent)}, headers={"Idempotency-Key": key})
                for _ in range(50)
            )
        )
    assert {answer.status_code for answer in answers} <= {202, 409}
    accepted = [answer.json()["job_id"] for answer in answers if answer.status_code == 202]
    assert len(set(accepted)) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency_in_flight"}
    assert await _count(ann) == 1


async def test_lists_by_cursor(ann: Person, ben: Person) -> None:
    made = [await ann.submit(Source(info_hash=uuid4().hex + "01234567"), name=f"job {n}") for n in range(5)]
    page = await ann.client.jobs(limit=2)
    assert [job["name"] for job in page["items"]] == ["job 4", "job 3"]
    seen = [job["job_id"] async for job in ann.client.all_jobs()]
    assert seen == [job["job_id"] for job in reversed(made)]
    assert page["next_cursor"]
    await refused(400, "bad_cursor", ben.client.jobs(cursor=page["next_cursor"] + "x"))


async def test_a_magnets_own_name_is_cleaned(ann: Person) -> None:
    """A `dn` is a stranger's text: control characters, paths and reversed writing do not reach the owner's list."""
    named = quote("..\0/\r\nSet-Cookie: a=b/\u202egpj.exe")
    job = await ann.submit(Source(magnet=f"magnet:?xt=urn:btih:{uuid4().hex}01234567&dn={named}"))
    assert not set(job["name"]) & set("\0\r\n\u202e/\\"), job["name"]
    assert job["name"]


async def _count(person: Person) -> int:
    return len([job async for job in person.client.all_jobs()])
