"""The dead-letter list: what failed for good, why, and how it is tried again."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from tests.integration.jobs.conftest import MakeAgent, MakeSample
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import OWN_SCOPES, Service, User, refused
from tseeder.jobs.v1 import model_pb2 as model
from tseeder.jobs.v1 import operators_pb2 as pb
from tseeder_jobs.usecases import replay_dead_letter
from tseeder_kit.errors import AppError, Kind
from tseeder_pg import connection


async def letters(operator: User, **fields: Any) -> pb.ListDeadLettersResponse:
    return await operator.call(operator.service.operators.ListDeadLetters, pb.ListDeadLettersRequest(**fields))


async def letter(operator: User, transfer_id: str) -> pb.DeadLetter:
    request = pb.GetDeadLetterRequest(transfer_id=transfer_id)
    return await operator.call(operator.service.operators.GetDeadLetter, request)


async def replay(operator: User, transfer_id: str) -> pb.ReplayDeadLetterResponse:
    request = pb.ReplayDeadLetterRequest(transfer_id=transfer_id)
    return await operator.call(operator.service.operators.ReplayDeadLetter, request)


async def dead(played: Agent, users: list[User], torrent: bytes, code: str = "no_peers") -> tuple[str, list[model.Job]]:
    """A transfer that these users wait on fails; its id, and their jobs."""
    jobs = [await user.submit(torrent=torrent) for user in users]
    lease = await played.claim_one()
    await played.fail(lease, code, "Nobody came.")
    return lease.transfer_id, jobs


async def test_a_dead_letter_says_why_and_whose(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    played, users, operator = await agent(), [jobs.user(), jobs.user()], jobs.operator("support")
    code = f"cause_{uuid.uuid4().hex[:8]}"
    transfer_id, failed = await dead(played, users, (await sample(10)).torrent.read_bytes(), code)
    listed = (await letters(operator, reason_code=code)).dead_letters
    assert [(each.transfer_id, each.reason.code, each.failed_jobs) for each in listed] == [(transfer_id, code, 2)]
    assert not listed[0].attempts
    assert not listed[0].jobs
    found = await letter(operator, transfer_id)
    assert found.reason == model.Reason(code=code, message="Nobody came.")
    assert found.HasField("failed_at")
    (attempt,) = found.attempts
    assert (attempt.epoch, attempt.agent_id, attempt.outcome) == (1, played.agent_id, "failed")
    assert (attempt.reason.code, attempt.reason.message) == (code, "Nobody came.")
    assert attempt.ended_at.ToDatetime() >= attempt.started_at.ToDatetime()
    whose = {job.job_id: str(user.user_id) for job, user in zip(failed, users, strict=True)}
    assert {job.job_id: job.user_id for job in found.jobs} == whose

    await users[0].delete(failed[0])
    assert (await letter(operator, transfer_id)).failed_jobs == 1
    await users[1].retry(failed[1])
    await refused("dead_letter_not_found", letter(operator, transfer_id))
    assert not (await letters(operator, reason_code=code)).dead_letters


async def test_the_list_goes_page_by_page_newest_first(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    played, user, operator = await agent(), jobs.user(), jobs.operator()
    code = f"cause_{uuid.uuid4().hex[:8]}"
    made = [(await dead(played, [user], (await sample(10)).torrent.read_bytes(), code))[0] for _ in range(3)]
    same = uuid.UUID(made[0]), uuid.UUID(made[1])
    async with connection(jobs.pool) as held:  # two that failed at the same moment
        await held.execute(
            "UPDATE transfers SET ended_at = (SELECT ended_at FROM transfers WHERE transfer_id = $2) "
            "WHERE transfer_id = $1",
            *same,
        )
    seen, cursor = [], ""
    while True:
        page = await letters(operator, reason_code=code, limit=1, cursor=cursor)
        seen += [each.transfer_id for each in page.dead_letters]
        cursor = page.next_cursor
        if not cursor:
            break
        await refused("bad_cursor", letters(operator, cursor=cursor))  # of another list
    assert seen == [made[2], *sorted(made[:2], reverse=True)]
    await refused("bad_limit", letters(operator, limit=201))
    await refused("bad_text", letters(operator, reason_code="x\0"))


async def test_a_replay_puts_all_its_jobs_on_one_new_transfer(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    played, users, operator = await agent(), [jobs.user(), jobs.user()], jobs.operator()
    torrent = await sample(1000)
    transfer_id, failed = await dead(played, users, torrent.torrent.read_bytes())
    done = await replay(operator, transfer_id)
    assert (done.replayed_jobs, done.refused_jobs) == (2, 0)
    assert done.transfer_id not in ("", transfer_id)
    for user, job in zip(users, failed, strict=True):
        again = await user.job(job)
        assert (again.state, again.run) == (model.JOB_STATE_QUEUED, 2)
        assert await jobs.transfer_of(job) == done.transfer_id
    await refused("dead_letter_not_found", replay(operator, transfer_id))  # nothing is left of it

    lease = await played.claim_one()
    assert (lease.transfer_id, lease.epoch) == (done.transfer_id, 1)
    await played.run(lease, torrent)
    for user, job in zip(users, failed, strict=True):
        await user.reaches(job, model.JOB_STATE_COMPLETED)


async def test_who_is_over_his_limit_stays_failed_and_a_repeat_replays_him(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    played, rich, poor, operator = await agent(), jobs.user(), jobs.user(), jobs.operator()
    transfer_id, (other, job) = await dead(played, [rich, poor], (await sample(1000)).torrent.read_bytes())
    limit = "UPDATE usage SET storage_limit_bytes = $2 WHERE user_id = $1"
    async with connection(jobs.pool) as held:
        await held.execute(limit, poor.user_id, 999)
    done = await replay(operator, transfer_id)
    assert (done.replayed_jobs, done.refused_jobs) == (1, 1)
    assert (await rich.job(other)).state == model.JOB_STATE_QUEUED
    assert ((await poor.job(job)).state, (await poor.usage()).reserved_bytes) == (model.JOB_STATE_FAILED, 0)
    async with connection(jobs.pool) as held:
        await held.execute(limit, poor.user_id, 1000)
    again = await replay(operator, transfer_id)
    assert (again.replayed_jobs, again.refused_jobs, again.transfer_id) == (1, 0, done.transfer_id)


async def test_what_is_stored_by_now_completes_at_once(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    played, user, operator = await agent(), jobs.user(), jobs.operator()
    torrent = await sample(1000)
    transfer_id, (job,) = await dead(played, [user], torrent.torrent.read_bytes())
    luckier = jobs.user()
    await luckier.submit(torrent=torrent.torrent.read_bytes())
    await played.run(await played.claim_one(), torrent)
    done = await replay(operator, transfer_id)
    assert (done.replayed_jobs, done.refused_jobs, done.transfer_id) == (1, 0, "")
    assert (await user.job(job)).state == model.JOB_STATE_COMPLETED


async def test_a_replay_beside_other_replays_retries_and_deletes(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    """Whoever comes first: each job is wanted once more, or gone."""
    played, operator = await agent(), jobs.operator()
    users = [jobs.user() for _ in range(6)]
    transfer_id, failed = await dead(played, users, (await sample(1000)).torrent.read_bytes())
    results = await asyncio.gather(
        replay(operator, transfer_id),
        replay(operator, transfer_id),
        *(user.retry(job) for user, job in list(zip(users, failed, strict=True))[:3]),
        *(user.delete(job) for user, job in list(zip(users, failed, strict=True))[3:5]),
        return_exceptions=True,
    )
    odd = [each for each in results if isinstance(each, BaseException)]
    assert {each.code for each in odd if isinstance(each, AppError)} <= {"job_not_retryable", "dead_letter_not_found"}
    assert all(isinstance(each, AppError) for each in odd)
    left = [(user, job) for number, (user, job) in enumerate(zip(users, failed, strict=True)) if number not in (3, 4)]
    for user, job in left:
        again = await user.job(job)
        assert (again.state, again.run) == (model.JOB_STATE_QUEUED, 2)
    assert len({await jobs.transfer_of(job) for _, job in left}) == 1
    assert [(await user.usage()).live_jobs for user in users] == [1, 1, 1, 0, 0, 1]


async def test_what_there_is_no_time_for_is_left_for_a_repeat(
    jobs: Service, agent: MakeAgent, sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    played, operator = await agent(), jobs.operator()
    users = [jobs.user() for _ in range(3)]
    transfer_id, _ = await dead(played, users, (await sample(10)).torrent.read_bytes())
    monkeypatch.setattr(replay_dead_letter, "LONGEST_SECONDS", -1.0)
    for left in (2, 1, 0):
        done = await replay(operator, transfer_id)
        assert (done.replayed_jobs, done.refused_jobs, done.left_jobs) == (1, 0, left)
    await refused("dead_letter_not_found", replay(operator, transfer_id))


async def test_who_may_look_and_who_may_replay(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    played, user = await agent(), jobs.user()
    transfer_id, _ = await dead(played, [user], (await sample(10)).torrent.read_bytes())
    for call in (letters(user), letter(user, transfer_id), replay(user, transfer_id)):
        assert (await refused("scope_missing", call)).kind is Kind.FORBIDDEN
    await refused("scope_missing", replay(jobs.operator("support"), transfer_id))
    await refused("role_too_low", letters(jobs.user("user", (*OWN_SCOPES, "admin:read"))))
    operator = jobs.operator()
    for nobody in ("", "x", str(uuid.uuid4()), transfer_id.replace("-", "")):
        await refused("dead_letter_not_found", letter(operator, nobody))
        await refused("dead_letter_not_found", replay(operator, nobody))
    live = await user.submit(torrent=(await sample(20)).torrent.read_bytes())
    await refused("dead_letter_not_found", letter(operator, await jobs.transfer_of(live)))
