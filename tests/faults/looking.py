"""What fault tests look up: in the databases, in S3, on event streams, in agents' logs."""

from __future__ import annotations

import asyncio
import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.e2e.people import Person
from tests.e2e.waiting import wait_for
from tests.e2e.world import World
from tseeder_cli.wire import Job
from tseeder_stack.s3 import signed

_LEASE = "SELECT l.agent_id, l.epoch FROM leases l JOIN jobs USING (transfer_id) WHERE job_id = $1::uuid"


async def lease(world: World, job: Job) -> tuple[str, int] | None:
    """The agent that has the job's transfer, and its epoch; None while nobody has. One that ran out counts until
    somebody claims."""
    rows = await world.fetch(_LEASE, job["job_id"])
    return (str(rows[0][0]), int(rows[0][1])) if rows else None


async def holder(world: World, job: Job) -> str:
    """The agent that runs the job's transfer; waits until one does."""

    async def held() -> str:
        found = await lease(world, job)
        return found[0] if found else ""

    return await wait_for(held, "an agent has the lease")


async def epochs(world: World, job: Job) -> list[int]:
    """The epochs that the job's transfer has had, in order."""
    rows = await world.fetch(
        "SELECT a.epoch FROM attempts a JOIN jobs USING (transfer_id) WHERE job_id = $1::uuid ORDER BY 1",
        job["job_id"],
    )
    return [row[0] for row in rows]


async def stored_at(world: World) -> set[tuple[str, str, str, str]]:
    """Key, ETag, size and time of all objects in S3."""
    server = world.stack.s3
    status, body = await asyncio.to_thread(signed, server, "GET", f"/{server.bucket}", query={"list-type": "2"})
    assert status == 200, body
    found = set()
    for item in ET.fromstring(body).iter():  # noqa: S314
        if item.tag.rpartition("}")[2] == "Contents":
            facts = {part.tag.rpartition("}")[2]: part.text or "" for part in item}
            found.add((facts["Key"], facts["ETag"], facts["Size"], facts["LastModified"]))
    return found


async def agents_ended(world: World, agent: str, job: Job) -> list[str]:
    """How the agent says that its runs of the job's transfer ended, in order."""
    rows = await world.fetch("SELECT transfer_id FROM jobs WHERE job_id = $1::uuid", job["job_id"])
    said = await asyncio.to_thread(_logged, world.stack.options.state / "logs" / f"{agent}.log")
    ended = [line for line in said if line.get("event") == "transfer_ended"]
    return [str(line["how"]) for line in ended if line.get("transfer_id") == str(rows[0][0])]


def _logged(path: Path) -> list[dict[str, object]]:
    lines = path.read_text(errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def wipe(folder: Path) -> None:
    """All that NATS has on disk but its configuration; that should be nothing: only core NATS is used."""
    for path in folder.iterdir():
        if path.name != "nats.conf":
            shutil.rmtree(path)


async def end_of(person: Person, job: Job) -> str:
    """The reason in the last event of the job's stream."""
    reason = ""
    async for event in person.events(job):
        reason = event.data.get("reason") if event.kind == "end" else reason
    return str(reason)
