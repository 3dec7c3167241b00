"""Readers of what is not stored yet, while agents fall away."""

from __future__ import annotations

import asyncio
import hashlib
import signal

import httpx

from tests.e2e.fixtures import MakeSample
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import MIB, World
from tests.faults.long.ground import Ground
from tests.faults.long.modes import KEY
from tests.faults.looking import holder, lease

PATIENT = httpx.Timeout(120.0)
SIZE = 48 * MIB


@KEY
async def test_a_reader_goes_on_with_the_successor_which_fetches_for_him_what_s3_has_in_parts(
    ground: Ground, world: World, swarm: Swarm, sample: MakeSample
) -> None:
    """The agent is frozen for good: its connection stays open, and gives nothing. Parts of an unfinished upload cannot
    be read from S3, and the successor would not fetch them for itself."""
    made = await sample(SIZE)
    await swarm.seed(made, rate=3 * MIB)
    job = await world.ann.submit(swarm.torrent(made))
    (file,) = (await world.ann.files(job)).values()
    url = f"/v1/files/{file['file_id']}/content"
    whole = await asyncio.to_thread(made.path_of(made.files[0]).read_bytes)
    digest, read, victim = hashlib.sha256(), 0, ""
    try:
        async with world.ann.http() as http:
            async with http.stream("GET", url, timeout=PATIENT) as answer:
                async for chunk in answer.aiter_bytes():
                    digest.update(chunk)
                    read += len(chunk)
                    if read < 12 * MIB or victim:
                        continue
                    await wait_for(lambda: _parts_stored(world), "a part is in S3")
                    victim = await holder(world, job)
                    _, epoch = await lease(world, job) or ("", 0)
                    world.stack.kill(victim, signal.SIGSTOP)
                    await ground.until_later(job, epoch)
                    early = await http.get(url, headers={"Range": "bytes=1000-99999"}, timeout=PATIENT)
                    assert early.content == whole[1000:100_000]
                    assert (await world.ann.client.job(job["job_id"]))["state"] in ("downloading", "storing")
        assert read == SIZE
        assert digest.hexdigest() == made.files[0].sha256
    finally:
        if victim:
            world.stack.kill(victim, signal.SIGCONT)
    await world.ann.has(await world.ann.completed(job), made)


async def _parts_stored(world: World) -> bool:
    return await world.count("SELECT count(*) FROM parts WHERE etag IS NOT NULL") > 0
