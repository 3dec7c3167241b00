"""An account from its first job to its last trace, on the whole stack; and one that is closed."""

from __future__ import annotations

import secrets
from uuid import UUID

import httpx

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import PASSWORD, World
from tseeder_cli.client import Client

WHY = {"reason": "it is being tested", "ticket_id": "T-1"}


async def test_who_deletes_himself_leaves_nothing_though_jobs_is_killed_meanwhile(
    world: World, ben: Person, swarm: Swarm, sample: MakeSample
) -> None:
    shared, own = await sample(3000, 4000), await sample(5000)
    email = f"carl-{secrets.token_hex(3)}@example.org"
    carl_id = (await world.admin.client.create_user(email, PASSWORD, "user"))["user_id"]
    await swarm.seed(shared)
    await swarm.seed(own)
    bens = await ben.completed(await ben.submit(swarm.torrent(shared)))
    async with Client(world.stack.gateway_url) as client, httpx.AsyncClient(trust_env=False) as http:
        await client.log_in(email, PASSWORD)
        carl = Person(carl_id, email, client, "", world.log)
        jobs = [await carl.completed(await carl.submit(swarm.torrent(each))) for each in (shared, own)]
        jobs.append(await carl.submit(swarm.torrent(await sample(6000))))  # nobody has it: it waits
        (file,) = (await carl.files(jobs[1])).values()
        link = await client.create_link(file["file_id"], expires_at="", download_limit=None, password="")
        assert (await http.get(link["url"])).status_code == 200
        before = await world.keys()
        await client.call("DELETE", "/v1/me", json={"password": PASSWORD})
        world.log.deleted.update(UUID(job["job_id"]) for job in jobs)
        world.stack.kill("jobs")  # it may have heard of it, have begun, or neither

    done = "SELECT count(*) FROM closed_accounts WHERE user_id = $1 AND erased_at IS NOT NULL"

    async def erased() -> bool:
        return bool(await world.count(done, UUID(carl_id)))

    await wait_for(erased, "the account is erased", timeout=60)
    for table in ("jobs", "files", "usage", "usage_months", "charges", "links", "bandwidth", "streams", "idempotency"):
        assert await world.count(f"SELECT count(*) FROM {table} WHERE user_id = $1", UUID(carl_id)) == 0  # noqa: S608

    async def freed() -> bool:
        return len(before - await world.keys()) == 1  # his own; what Ben has, too, stays

    await wait_for(freed, "his object is gone from S3")
    await ben.has(bens, shared)
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(link["url"])).json()["code"] == "link_not_found"
    again = await world.admin.client.create_user(email, PASSWORD, "user")  # the address is free
    assert again["user_id"] != carl_id
    entries = (await world.admin.client.audit())["items"]
    (made,) = [entry for entry in entries if entry["target"] == carl_id]
    assert made.get("target_email") == ""  # the log has his id, and nobody can tell any more whose it was


async def test_a_suspended_owners_link_is_dead_until_he_is_back(
    world: World, ann: Person, swarm: Swarm, sample: MakeSample
) -> None:
    made = await sample(2000)
    await swarm.seed(made)
    job = await ann.completed(await ann.submit(swarm.torrent(made)))
    (file,) = (await ann.files(job)).values()
    link = await ann.client.create_link(file["file_id"], expires_at="", download_limit=None, password="")
    account = f"/v1/admin/users/{ann.user_id}"
    async with httpx.AsyncClient(trust_env=False) as http:

        async def answers(status: int) -> bool:
            return (await http.get(link["url"])).status_code == status

        await world.admin.client.call("POST", f"{account}/suspend", json=WHY)
        await wait_for(lambda: answers(404), "the link is dead")

        async def shut_out() -> bool:
            async with ann.http() as own:
                return (await own.get("/v1/me")).status_code == 403

        await wait_for(shut_out, "her key opens nothing")
        await world.admin.client.call("POST", f"{account}/reinstate", json=WHY)
        await wait_for(lambda: answers(200), "the link is good again")

        async def let_in() -> bool:
            async with ann.http() as own:
                return (await own.get("/v1/me")).status_code == 200

        await wait_for(let_in, "her key is good again")
