"""An operator empties an agent: it is told with its next beat, claims nothing, and stays so over restarts."""

from __future__ import annotations

import asyncio

from tests.integration.jobs.conftest import MakeAgent, MakeSample
from tests.integration.jobs.running import Service, User, refused
from tseeder.jobs.v1 import model_pb2 as model
from tseeder.jobs.v1 import operators_pb2 as ops
from tseeder_kit.errors import Kind


async def drain(operator: User, agent_id: str, order: bool = True) -> ops.AgentInfo:
    """Order it, or take the order back."""
    request = ops.SetDrainRequest(agent_id=agent_id, drain=order)
    return await operator.call(operator.service.operators.SetDrain, request)


async def cordon(operator: User, agent_id: str, cordoned: bool) -> ops.AgentInfo:
    """Order it, or take the order back."""
    request = ops.SetCordonRequest(agent_id=agent_id, cordoned=cordoned)
    return await operator.call(operator.service.operators.SetCordon, request)


async def test_a_drained_agent_keeps_its_leases_until_it_gives_them_back_and_claims_nothing(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    user, operator = jobs.user(), jobs.operator()
    first, second = await sample(1000), await sample(2000)
    job = await user.submit(torrent=first.torrent.read_bytes())
    played = await agent()
    lease = await played.claim_one()
    told = await drain(operator, played.agent_id)
    assert (told.drain_ordered, told.leases, told.cordoned, told.draining) == (True, 1, False, False)
    await user.submit(torrent=second.torrent.read_bytes())
    beat = await played.beat(lease)
    assert (beat.drain, beat.cordoned, list(beat.renewed)) == (True, False, [lease])
    assert await played.claim() == []
    await played.release(lease, reason=model.Reason(code="agent_draining", message="It is taken out of service."))
    shown = await user.job(job)
    assert (shown.state, shown.reason.code) == (model.JOB_STATE_QUEUED, "agent_draining")
    assert await played.claim() == []

    other = await agent()
    assert {each.lease.transfer_id for each in await other.claim(limit=9)} >= {lease.transfer_id}
    assert not (await drain(operator, played.agent_id, order=False)).drain_ordered
    assert not (await played.beat()).drain
    await user.submit(torrent=(await sample(10)).torrent.read_bytes())
    assert len(await played.claim()) == 1


async def test_the_order_stands_over_a_restart_and_beside_a_cordon(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    operator = jobs.operator()
    await jobs.user().submit(torrent=(await sample(1000)).torrent.read_bytes())
    played = await agent()
    await drain(operator, played.agent_id)
    await drain(operator, played.agent_id)  # said twice, ordered once
    reborn = played.next_boot()
    await reborn.register()
    assert (await reborn.beat()).drain
    assert await reborn.claim() == []

    await cordon(operator, played.agent_id, cordoned=True)
    freed = await cordon(operator, played.agent_id, cordoned=False)
    assert (freed.cordoned, freed.drain_ordered) == (False, True)
    assert await reborn.claim() == []
    await cordon(operator, played.agent_id, cordoned=True)
    await drain(operator, played.agent_id, order=False)
    assert await reborn.claim() == []  # it is cordoned still
    await cordon(operator, played.agent_id, cordoned=False)
    assert len(await reborn.claim()) == 1


async def test_claims_beside_the_order_come_before_it_or_see_it(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    user, operator = jobs.user(), jobs.operator()
    for _ in range(4):
        await user.submit(torrent=(await sample(100)).torrent.read_bytes())
    played = await agent()
    claims = [asyncio.create_task(played.claim(limit=1)) for _ in range(4)]
    told = await drain(operator, played.agent_id)
    got = [each.lease for batch in await asyncio.gather(*claims) for each in batch]
    assert await played.claim() == []
    beat = await played.beat(*got)
    assert beat.drain
    assert len(beat.renewed) == len(got) >= told.leases


async def test_who_may_not_drain(jobs: Service, agent: MakeAgent) -> None:
    played = await agent()
    await refused("scope_missing", drain(jobs.operator("support"), played.agent_id))
    await refused("scope_missing", drain(jobs.user(), played.agent_id))
    assert (await refused("agent_not_found", drain(jobs.operator(), "nobody"))).kind is Kind.NOT_FOUND


async def test_a_beat_of_a_drained_agent_says_so_to_whom_it_concerns_only(jobs: Service, agent: MakeAgent) -> None:
    drained, other = await agent(), await agent()
    await drain(jobs.operator(), drained.agent_id)
    assert [(await each.beat()).drain for each in (drained, other)] == [True, False]
