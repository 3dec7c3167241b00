"""Whose progress of a job is passed on."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from tests.integration.auth.running import eventually
from tseeder import subjects
from tseeder.agent.v1.progress_pb2 import Progress
from tseeder_bus import connect
from tseeder_gateway.adapters.job_topics import JobTopics, Watcher


def progress(job_id: str, epoch: int) -> bytes:
    return Progress(job_id=job_id, epoch=epoch).SerializeToString()


async def heard(watcher: Watcher) -> int:
    """The epoch of what comes next."""
    async with asyncio.timeout(10):
        await watcher.wake.wait()
    watcher.wake.clear()
    told = watcher.take_progress()
    assert told is not None
    return told.epoch


async def test_a_lower_epoch_is_believed_once_the_higher_one_is_silent(nats_url: str) -> None:
    """A resumed job has a new transfer, which counts its leases from 1 again, under a stream that stands."""
    job_id = str(uuid4())
    async with connect(nats_url, name="topics-tests") as bus:
        await eventually(lambda: asyncio.sleep(0, bus.connected))
        hasty, patient = JobTopics(bus, quiet_seconds=0.0), JobTopics(bus)
        async with hasty.watch(job_id) as (quick, _), patient.watch(job_id) as (slow, _):
            await bus.ring(subjects.job_progress(job_id), progress(job_id, 3))
            assert (await heard(quick), await heard(slow)) == (3, 3)
            await bus.ring(subjects.job_progress(job_id), progress(job_id, 1))
            assert await heard(quick) == 1
            await bus.ring(subjects.job_progress(job_id), progress(job_id, 4))
            assert (await heard(quick), await heard(slow)) == (4, 4)
