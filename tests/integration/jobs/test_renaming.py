"""What a user calls his job: changed in any state, told to who watches, and nobody else's to change."""

from __future__ import annotations

import uuid

from tests.integration.jobs.conftest import MakeSample
from tests.integration.jobs.running import Service, refused
from tseeder.jobs.v1 import model_pb2 as model


async def told(jobs: Service, job: model.Job) -> list[int]:
    """The versions of a job in the feed, in order."""
    rows = await jobs.rows("SELECT payload FROM feed WHERE entity_id = $1 ORDER BY id", uuid.UUID(job.job_id))
    return [row["payload"]["version"] for row in rows]


async def test_a_new_name_is_a_new_version_and_an_event(jobs: Service, sample: MakeSample) -> None:
    user = jobs.user()
    torrent = await sample(10)
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    renamed = await user.rename(job, " Caf\u0065\u0301 ")
    assert (renamed.name, renamed.version) == ("Caf\u00e9", job.version + 1)
    assert (await told(jobs, job))[-1] == renamed.version
    assert await user.job(job) == renamed
    assert [found.job_id for found in (await user.list_jobs(text="CAF\u00c9")).jobs] == [job.job_id]
    assert (await user.rename(job, "")).name == torrent.name


async def test_what_changes_nothing_is_told_to_nobody(jobs: Service, sample: MakeSample) -> None:
    user = jobs.user()
    job = await user.submit(torrent=(await sample(10)).torrent.read_bytes(), name="mine")
    before = await told(jobs, job)
    assert await user.rename(job, "mine") == job
    assert await user.rename(job, None) == job
    await refused("bad_name", user.rename(job, "a" * 256))
    await refused("scope_missing", user.with_scopes("jobs:read").rename(job, "x"))
    assert await user.job(job) == job
    assert set(await told(jobs, job)) <= set(before)  # what every reader has seen is trimmed at any time


async def test_an_ended_job_is_renamed_too(jobs: Service, sample: MakeSample) -> None:
    user = jobs.user()
    job = await user.submit(torrent=(await sample(10)).torrent.read_bytes())
    await user.cancel(job)
    renamed = await user.rename(job, "over")
    assert (renamed.name, renamed.state) == ("over", model.JOB_STATE_CANCELLED)
