"""What operators do to agents and jobs, with the real jobs service behind."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.integration.admin.running import Admin, running_admin, why
from tests.integration.auth.running import ROOT, Auth, running_auth
from tests.integration.jobs.running import JOIN_SECRET, world
from tseeder.admin.v1 import admin_pb2
from tseeder.auth.v1 import auth_pb2
from tseeder.jobs.v1 import agents_pb2, agents_pb2_grpc, jobs_pb2, jobs_pb2_grpc, model_pb2, operators_pb2
from tseeder_jobs import main as jobs_main
from tseeder_kit.errors import AppError, Kind
from tseeder_rpc import Caller, Channel, open_channel, use_identity
from tseeder_stack.backing import make_bucket
from tseeder_stack.provision import create_database
from tseeder_stack.s3 import S3Server


@dataclass(frozen=True)
class Platform:
    """auth, billing, jobs and admin, all real."""

    admin: Admin
    auth: Auth
    jobs: jobs_pb2_grpc.JobsStub
    agents: agents_pb2_grpc.AgentsStub
    channel: Channel

    async def submit(self, email: str) -> model_pb2.Job:
        """A job of this user's that waits for an agent."""
        magnet = f"magnet:?xt=urn:btih:{uuid.uuid4().hex}{'0' * 8}"
        with use_identity(await self.auth.identity(email)):
            return (await self.jobs.Submit(jobs_pb2.SubmitRequest(magnet=magnet))).job

    async def fail(self, agent_id: str, job: model_pb2.Job) -> str:
        """An agent finds that nobody could fetch what this job wants; the id of the transfer."""
        played = agents_pb2_grpc.AgentsStub(
            Caller(self.channel, service="jobs", credential=partial(str, await self.register(agent_id))).channel
        )
        while True:
            claimed = (await played.Claim(agents_pb2.ClaimRequest(limit=1, disk_free_bytes=1 << 30))).claimed
            for each in claimed:
                async for answer in played.Describe(agents_pb2.DescribeRequest(lease=each.lease)):
                    if job.job_id in [view.job_id for view in answer.views.views]:
                        reason = model_pb2.Reason(code="no_peers", message="Nobody came.")
                        await played.Fail(agents_pb2.FailRequest(lease=each.lease, reason=reason))
                        return each.lease.transfer_id
                await played.Release(agents_pb2.ReleaseRequest(lease=each.lease, not_before_seconds=3600))
            await asyncio.sleep(0)

    async def register(self, agent_id: str) -> str:
        """An agent starts; its credential."""
        answer = await self.agents.Register(
            agents_pb2.RegisterRequest(
                agent_id=agent_id,
                boot_id=str(uuid.uuid4()),
                join_secret=JOIN_SECRET,
                capacity=agents_pb2.Capacity(transfers=2, disk_bytes=1 << 30),
                software_version="test",
            )
        )
        return answer.credential


@pytest.fixture(scope="module")
async def platform(
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    rclone_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Platform]:
    """All of it, for this module."""
    name, folder = f"platform_{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("platform")
    await create_database(postgres.admin_url, name, template=migrated_template)
    await make_bucket(rclone_server)
    database = postgres.database(name)
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(world(database, nats_url, rclone_server, folder))
        auth = await stack.enter_async_context(running_auth(database.urls["auth"], nats_url, folder))
        await auth.bootstrap(ROOT)
        jobs = await stack.enter_async_context(jobs_main.build(made.settings()))
        target = f"127.0.0.1:{jobs.rpc_port}"
        admin = await stack.enter_async_context(running_admin(database.urls["admin"], auth, JOBS_TARGET=target))
        channel = await stack.enter_async_context(open_channel(target))
        wired = Caller(channel, service="jobs").channel
        yield Platform(admin, auth, jobs_pb2_grpc.JobsStub(wired), agents_pb2_grpc.AgentsStub(wired), channel)


async def test_an_operator_ends_a_users_job(platform: Platform) -> None:
    user = await platform.auth.new_user()
    job = await platform.submit(user.email)
    root = await platform.auth.root_identity()
    request = admin_pb2.TerminateJobRequest(job_id=job.job_id, justification=why("a court said so", "LEGAL-7"))
    with use_identity(root):
        ended = await platform.admin.operations.TerminateJob(request)
    assert ended.job_id == job.job_id
    assert ended.HasField("finished_at")
    with use_identity(await platform.auth.identity(user.email)):
        seen = await platform.jobs.GetJob(jobs_pb2.GetJobRequest(job_id=job.job_id))
    assert (seen.state, seen.reason.code) == (ended.state, "terminated_by_operator")
    # The operator's words are for operators.
    assert "court" not in str(seen)

    newest, *_ = await platform.admin.audit(root)
    assert (newest.action, newest.target, newest.outcome) == ("job.terminate", job.job_id, "done")
    assert (newest.reason, newest.ticket_id) == ("a court said so", "LEGAL-7")


async def test_a_job_that_is_not_there_is_refused_and_logged(platform: Platform) -> None:
    root, job_id = await platform.auth.root_identity(), str(uuid.uuid4())
    with use_identity(root), pytest.raises(AppError) as caught:
        await platform.admin.operations.TerminateJob(admin_pb2.TerminateJobRequest(job_id=job_id, justification=why()))
    assert caught.value.kind is Kind.NOT_FOUND
    newest, *_ = await platform.admin.audit(root)
    assert (newest.target, newest.outcome, newest.details["outcome_code"]) == (job_id, "refused", caught.value.code)


async def test_a_dead_letter_is_replayed_and_audited(platform: Platform) -> None:
    user = await platform.auth.new_user()
    job = await platform.submit(user.email)
    transfer_id = await platform.fail("agent-of-the-dead", job)
    root, support = await platform.auth.root_identity(), await platform.auth.new_user(auth_pb2.ROLE_SUPPORT)
    operations = platform.admin.operations
    request = admin_pb2.ReplayDeadLetterRequest(transfer_id=transfer_id, justification=why())
    with use_identity(await platform.auth.identity(support.email)):
        listed = (await operations.ListDeadLetters(operators_pb2.ListDeadLettersRequest())).dead_letters
        shown = await operations.GetDeadLetter(operators_pb2.GetDeadLetterRequest(transfer_id=transfer_id))
        with pytest.raises(AppError) as caught:
            await operations.ReplayDeadLetter(request)
    assert caught.value.kind is Kind.FORBIDDEN
    assert transfer_id in [each.transfer_id for each in listed]
    assert [(each.job_id, each.user_id) for each in shown.jobs] == [(job.job_id, user.user_id)]
    before = await platform.admin.row_count()
    with use_identity(root):
        for unjustified in (why(reason=" "), why(ticket_id=""), None):
            with pytest.raises(AppError) as caught:
                await operations.ReplayDeadLetter(
                    admin_pb2.ReplayDeadLetterRequest(transfer_id=transfer_id, justification=unjustified)
                )
            assert caught.value.kind is Kind.INVALID
        assert await platform.admin.row_count() == before
        done = await operations.ReplayDeadLetter(request)
        assert (done.replayed_jobs, done.refused_jobs) == (1, 0)
        with pytest.raises(AppError) as caught:
            await operations.ReplayDeadLetter(request)
        assert caught.value.code == "dead_letter_not_found"
        with pytest.raises(AppError) as caught:
            await operations.ReplayDeadLetter(
                admin_pb2.ReplayDeadLetterRequest(transfer_id="nothing", justification=why())
            )
        assert caught.value.code == "dead_letter_not_found"
    log = [(entry.action, entry.target, entry.outcome) for entry in (await platform.admin.audit(root))[:2]]
    assert log == [("dead_letter.replay", transfer_id, outcome) for outcome in ("refused", "done")]


async def test_an_agent_is_cordoned_and_let_claim_again(platform: Platform) -> None:
    await platform.register("agent-7")
    root = await platform.auth.root_identity()
    with use_identity(root):
        for cordoned in (True, True, False):
            request = admin_pb2.SetCordonRequest(agent_id="agent-7", cordoned=cordoned, justification=why())
            assert (await platform.admin.operations.SetCordon(request)).cordoned is cordoned
            listed = (await platform.admin.operations.ListAgents(operators_pb2.ListAgentsRequest())).agents
            assert {each.agent_id: each.cordoned for each in listed}["agent-7"] is cordoned
        with pytest.raises(AppError) as caught:
            await platform.admin.operations.SetCordon(
                admin_pb2.SetCordonRequest(agent_id="agent-8", justification=why())
            )
    assert caught.value.kind is Kind.NOT_FOUND
    log = [(entry.action, entry.target, entry.outcome) for entry in (await platform.admin.audit(root))[:4]]
    assert log == [
        ("agent.uncordon", "agent-8", "refused"),
        ("agent.uncordon", "agent-7", "done"),
        ("agent.cordon", "agent-7", "done"),
        ("agent.cordon", "agent-7", "done"),
    ]


async def test_a_blank_reason_ends_nothing(platform: Platform) -> None:
    user = await platform.auth.new_user()
    job = await platform.submit(user.email)
    for justification in (why(reason=" \t\n "), why(ticket_id=""), None):
        with use_identity(await platform.auth.root_identity()), pytest.raises(AppError) as caught:
            await platform.admin.operations.TerminateJob(
                admin_pb2.TerminateJobRequest(job_id=job.job_id, justification=justification)
            )
        assert caught.value.kind is Kind.INVALID
    with use_identity(await platform.auth.identity(user.email)):
        seen = await platform.jobs.GetJob(jobs_pb2.GetJobRequest(job_id=job.job_id))
    assert not seen.HasField("finished_at")


async def test_support_looks_at_agents_and_ends_no_job(platform: Platform) -> None:
    support = await platform.auth.new_user(auth_pb2.ROLE_SUPPORT)
    job = await platform.submit((await platform.auth.new_user()).email)
    with use_identity(await platform.auth.identity(support.email)):
        await platform.admin.operations.ListAgents(operators_pb2.ListAgentsRequest())
        with pytest.raises(AppError) as caught:
            await platform.admin.operations.TerminateJob(
                admin_pb2.TerminateJobRequest(job_id=job.job_id, justification=why())
            )
    assert caught.value.kind is Kind.FORBIDDEN


async def test_an_agent_is_drained_and_let_claim_again(platform: Platform) -> None:
    await platform.register("agent-9")
    root = await platform.auth.root_identity()
    operations = platform.admin.operations
    with use_identity(root):
        for drain in (True, True, False):
            request = admin_pb2.SetDrainRequest(agent_id="agent-9", drain=drain, justification=why())
            assert (await operations.SetDrain(request)).drain_ordered is drain
            agents = (await operations.ListAgents(operators_pb2.ListAgentsRequest())).agents
            assert next(each for each in agents if each.agent_id == "agent-9").drain_ordered is drain
        with pytest.raises(AppError) as caught:
            await operations.SetDrain(admin_pb2.SetDrainRequest(agent_id="agent-8", drain=True, justification=why()))
        assert caught.value.code == "agent_not_found"
        with pytest.raises(AppError) as caught:
            await operations.SetDrain(admin_pb2.SetDrainRequest(agent_id="agent-9", drain=True))
        assert caught.value.code == "reason_required"
    log = [(entry.action, entry.target, entry.outcome) for entry in (await platform.admin.audit(root))[:4]]
    assert log == [
        ("agent.drain", "agent-8", "refused"),
        ("agent.undrain", "agent-9", "done"),
        ("agent.drain", "agent-9", "done"),
        ("agent.drain", "agent-9", "done"),
    ]
