"""Row 13 of the fault matrix, step by step: a file, or its job, is deleted at each step of its upload's completion, and
at the very moment of one. Whatever came first, S3 holds nothing of it in the end, and nobody pays for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import pytest

from tests.faults.invariants import object_keys, open_uploads
from tests.integration.jobs.barriers import Call, meet
from tests.integration.jobs.breaking import BreakingPool, Crash, Where
from tests.integration.jobs.conftest import MakeSample, NewWorld, clear
from tests.integration.jobs.playing import Agent, pieces
from tests.integration.jobs.running import User, eventually, refused
from tests.integration.jobs.still import Still, still
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.domain.agent_calls import LeaseRef
from tseeder_jobs.usecases.authenticate_agent import authenticate_agent
from tseeder_jobs.usecases.complete_files import complete_files
from tseeder_testkit.torrents import Sample

MIB: Final = 1 << 20
AT: Final[dict[str, tuple[int, Where] | None]] = {
    "planned": None,
    "sent": None,
    "confirmed": None,
    "intended": (1, "after"),
    "completed-at-s3": (2, "before"),
    "outcome-written": (2, "after"),
    "settled": (9, "after"),
}
"""The steps; those of the completion itself by the transaction with which its process dies."""


@pytest.fixture(scope="module")
async def module_ground(new_world: NewWorld, s3_client: Any) -> AsyncIterator[Still]:
    quick: dict[str, Any] = {"upload_grace_seconds": 0, "completing_seconds": 0.001}
    async with new_world("jobs_deletes") as world, still(world, s3_client, **quick) as made:
        yield made


@pytest.fixture
async def ground(module_ground: Still) -> AsyncIterator[Still]:
    """Nothing of a test is left in the queue."""
    module_ground.jobs.users.clear()
    yield module_ground
    await clear(module_ground.jobs)


async def nothing_left(ground: Still, *users: User) -> None:
    """No bytes at S3, no upload, no charge, and the invariants hold."""
    server = ground.jobs.world.s3

    async def gone() -> bool:
        await ground.sweep()
        return not await asyncio.to_thread(object_keys, server) and not await asyncio.to_thread(open_uploads, server)

    await eventually(gone, seconds=10)
    await ground.sound()
    for user in users:
        usage = await user.usage()
        assert (usage.charged_bytes, usage.reserved_bytes, usage.live_jobs) == (0, 0, 0)


async def brought_to(ground: Still, step: str, size: int, torrent: Sample) -> tuple[User, model.Job]:
    """A job whose only file has come so far."""
    user = ground.jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    lease = await ground.played.claim_one()
    entry = (await ground.played.describe(lease)).entries[0]
    writes = pieces(torrent, entry)
    plans = await ground.played.plan(lease, [write.intent for write in writes])
    if step == "planned":
        return user, job
    results = [await ground.played.write(plan, write.body) for plan, write in zip(plans, writes, strict=True)]
    if step == "sent":
        return user, job
    await ground.played.confirm(lease, results)
    dies_at = AT[step]
    if dies_at is not None:
        caller = await authenticate_agent(ground.ctx, ground.played.credential)
        breaking = BreakingPool(ground.ctx.pool)
        ctx = replace(ground.ctx, pool=breaking.pool)
        with breaking.crashing(*dies_at):
            try:
                await complete_files(ctx, caller, LeaseRef(UUID(lease.transfer_id), lease.epoch), [0])
            except Crash:
                await asyncio.gather(*ctx.completing.values(), return_exceptions=True)
    return user, job


@pytest.mark.parametrize(("size", "verb"), [(6 * MIB, "delete"), (6 * MIB, "delete_file"), (1000, "delete_file")])
@pytest.mark.parametrize("step", AT)
async def test_a_delete_after_each_step(ground: Still, sample: MakeSample, step: str, size: int, verb: str) -> None:
    user, job = await brought_to(ground, step, size, await sample(size))
    (file,) = await user.files(job)
    await (user.delete(job) if verb == "delete" else user.delete_file(file))
    assert (await user.usage()).charged_bytes == (await user.usage()).reserved_bytes == 0, "at once"
    await refused("file_not_found", user.open_read(file))
    await nothing_left(ground, user)


@pytest.mark.parametrize("swapped", [False, True], ids=["complete-first", "delete-first"])
@pytest.mark.parametrize("verb", ["delete", "delete_file"])
async def test_a_delete_and_a_completion_meet(ground: Still, sample: MakeSample, verb: str, swapped: bool) -> None:
    """Before the torrent's row, in each order; another user, who keeps the file, is not touched."""
    torrent = await sample(6 * MIB)
    user, keeper = ground.jobs.user(), ground.jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    kept = await keeper.submit(torrent=torrent.torrent.read_bytes())
    lease = await ground.played.claim_one()
    entry = (await ground.played.describe(lease)).entries[0]
    await ground.played.send(lease, pieces(torrent, entry))
    (file,) = await user.files(job)
    deletes: dict[str, Call] = {"delete": lambda: user.delete(job), "delete_file": lambda: user.delete_file(file)}
    calls: list[Call] = [lambda: ground.played.complete(lease, 0), deletes[verb]]
    torrent_id = await ground.jobs.value("SELECT torrent_id FROM jobs WHERE job_id = $1", UUID(job.job_id))
    done = await meet(ground.jobs, torrent_id, *(reversed(calls) if swapped else calls))
    assert [each for each in done if isinstance(each, Exception)] == []
    assert ((await user.usage()).charged_bytes, (await user.usage()).reserved_bytes) == (0, 0)
    assert (await keeper.reaches(kept, model.JOB_STATE_COMPLETED)).stored_bytes == 6 * MIB
    await ground.sound()
    await keeper.delete(kept)
    await nothing_left(ground, user, keeper)


@pytest.mark.parametrize("swapped", [False, True], ids=["complete-first", "delete-first"])
async def test_the_only_owner_deletes_while_it_is_completed(ground: Still, sample: MakeSample, swapped: bool) -> None:
    torrent = await sample(6 * MIB)
    user = ground.jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    lease = await ground.played.claim_one()
    played: Agent = ground.played
    await played.send(lease, pieces(torrent, (await played.describe(lease)).entries[0]))
    calls: list[Call] = [lambda: played.complete(lease, 0), lambda: user.delete(job)]
    torrent_id = await ground.jobs.value("SELECT torrent_id FROM jobs WHERE job_id = $1", UUID(job.job_id))
    await meet(ground.jobs, torrent_id, *(reversed(calls) if swapped else calls))
    await refused("job_not_found", user.job(job))
    await nothing_left(ground, user)
