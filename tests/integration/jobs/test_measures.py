"""What jobs measures: waits, takeovers, the queue by plan, S3's codes; and the trace that a transfer keeps."""

from __future__ import annotations

import re
import uuid

from tests.integration.jobs.conftest import MakeAgent, MakeSample
from tests.integration.jobs.running import Service, eventually
from tests.otlp import recorded
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.telemetry import exposition
from tseeder_kit.trace_context import TraceContext, working_for

CLIENT = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True)
SUBMIT = "tseeder.jobs.v1.Jobs/Submit"


def measured(name: str) -> float:
    """One series of ours, by its name with its labels; 0 if there is none yet."""
    found = re.search(rf"^tseeder_{re.escape(name)} (\S+)$", exposition().decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def at_most(name: str, seconds: str) -> float:
    """How many observations a histogram has up to a bucket's limit."""
    return measured(f'{name}_bucket{{le="{seconds}"}}')


async def test_a_job_from_its_submit_to_its_end(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    names = ("jobs_claims_total", "jobs_claim_wait_seconds_count", "jobs_submit_to_stored_seconds_count")
    before = {name: measured(name) for name in (*names, "jobs_takeovers_total")}
    quick = at_most("jobs_submit_to_stored_seconds", "60.0"), at_most("jobs_claim_wait_seconds", "60.0")
    user, played, torrent = jobs.user(), await agent(), await sample(1000, 2000)
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    await played.run(await played.claim_one(), torrent)
    await user.reaches(job, model.JOB_STATE_COMPLETED)
    assert {name: measured(name) - before[name] for name in names} == dict.fromkeys(names, 1)
    assert measured("jobs_takeovers_total") == before["jobs_takeovers_total"]
    assert at_most("jobs_submit_to_stored_seconds", "60.0") == quick[0] + 1
    assert at_most("jobs_claim_wait_seconds", "60.0") == quick[1] + 1


async def test_a_job_that_was_reopened_is_not_timed(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    before = measured("jobs_submit_to_stored_seconds_count")
    user, played, torrent = jobs.user(), await agent(), await sample(1000)
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    await played.fail(await played.claim_one())
    await user.reaches(job, model.JOB_STATE_FAILED)
    await user.retry(job)
    await played.run(await played.claim_one(), torrent)
    await user.reaches(job, model.JOB_STATE_COMPLETED)
    assert measured("jobs_submit_to_stored_seconds_count") == before


async def test_a_takeover_and_the_wait_since_it_could_be_had(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    user, first, second, torrent = jobs.user(), await agent(), await agent(), await sample(1000)
    await user.submit(torrent=torrent.torrent.read_bytes())
    lease = await first.claim_one()
    transfer_id = uuid.UUID(lease.transfer_id)
    await jobs.rows("UPDATE transfers SET not_before = now() - interval '1 day' WHERE transfer_id = $1", transfer_id)
    await jobs.rows("UPDATE leases SET expires_at = now() - interval '1 s' WHERE transfer_id = $1", transfer_id)
    before = measured("jobs_takeovers_total"), at_most("jobs_claim_wait_seconds", "3600.0")
    assert (await second.claim_one()).transfer_id == lease.transfer_id
    assert measured("jobs_takeovers_total") == before[0] + 1
    assert at_most("jobs_claim_wait_seconds", "3600.0") == before[1] + 1  # not a day: since the reaper gave it back


async def test_the_queue_by_plan_with_its_oldest(jobs: Service, sample: MakeSample) -> None:
    user, torrent = jobs.user(), await sample(1000)
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    plan = await jobs.value("SELECT plan_id FROM usage WHERE user_id = $1", user.user_id)
    transfer_id = uuid.UUID(await jobs.transfer_of(job))
    await jobs.rows("UPDATE transfers SET queued_at = now() - interval '1 h' WHERE transfer_id = $1", transfer_id)

    async def waits() -> bool:
        old = measured(f'jobs_queue_oldest_seconds{{plan="{plan}"}}') >= 3600
        return old and measured(f'jobs_queued_transfers{{plan="{plan}"}}') >= 1

    await eventually(waits)
    await user.cancel(job)

    async def is_empty() -> bool:
        return f'jobs_queued_transfers{{plan="{plan}"}}' not in exposition().decode()

    await eventually(is_empty)


async def test_a_transfer_keeps_the_trace_of_its_submit_for_all_who_claim_it(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    user, first, second, torrent = jobs.user(), await agent(), await agent(), await sample(1000)
    async with recorded("jobs") as receiver:
        with working_for(CLIENT):
            await user.submit(torrent=torrent.torrent.read_bytes())
        (claimed,) = await first.claim()
        await first.release(claimed.lease)
        (again,) = await second.claim()
    (submit,) = [each for each in receiver.spans if (each.name, each.kind) == (SUBMIT, "SERVER")]
    assert submit.trace == CLIENT.trace_id
    assert claimed.traceparent == again.traceparent == f"00-{submit.trace}-{submit.id}-01"
    waits = [each for each in receiver.spans if each.name == "transfer queued"]
    assert [(each.trace, each.parent) for each in waits] == [(submit.trace, submit.id)] * 2
    assert [each.attributes["tseeder.lease.epoch"] for each in waits] == [claimed.lease.epoch, again.lease.epoch]
    assert [each for each in receiver.spans if each.trace != submit.trace] == []


async def test_what_is_not_traced_keeps_no_trace(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    user, played, torrent = jobs.user(), await agent(), await sample(1000)
    with working_for(CLIENT):  # without a receiver nothing is passed on
        await user.submit(torrent=torrent.torrent.read_bytes())
    (claimed,) = await played.claim()
    assert claimed.traceparent == ""
