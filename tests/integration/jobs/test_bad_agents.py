"""What an agent may not say, by real gRPC: each has its own code, and changes no row and no object."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import pytest

from tests.e2e.unchanged import RESTLESS, differences, events, rows
from tests.faults.invariants import object_keys, open_uploads
from tests.integration.jobs.conftest import KIB, SERIAL, NewWorld
from tests.integration.jobs.playing import Agent, Piece, intent, pieces
from tests.integration.jobs.running import MIB, Service, User, eventually, refused, running
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder.jobs.v1 import operators_pb2 as ops
from tseeder_testkit.torrents import FileSpec, Sample, TorrentSpec, write_torrent

WRONG_ETAG: Final = '"0123456789abcdef0123456789abcdef"'


@dataclass
class Scene:
    """A holder in the middle of a transfer, after its lease was renewed under another epoch; a stranger without any;
    a transfer that is finished."""

    service: Service
    user: User
    torrent: Sample
    holder: Agent
    lease: pb.LeaseRef
    old: pb.LeaseRef
    finished: pb.LeaseRef
    stranger: Agent
    part: Piece
    written: pb.WriteResult
    wanted_version: int

    def never(self) -> pb.LeaseRef:
        """A lease that never was."""
        return pb.LeaseRef(transfer_id=str(uuid.uuid4()), epoch=1)


Call = Callable[[Scene], Awaitable[object]]


class Bad(NamedTuple):
    """A call, and the code that it must be refused with."""

    call: Call
    code: str


def _every(who: Callable[[Scene], Agent], lease: Callable[[Scene], pb.LeaseRef]) -> dict[str, Call]:
    """Every call that names a lease."""
    return {
        "Describe": lambda s: who(s).describe(lease(s)),
        "SubmitMetadata": lambda s: who(s).submit_metadata(lease(s), s.torrent.info),
        "PlanWrites": lambda s: who(s).plan(lease(s), [s.part.intent]),
        "ConfirmWrites": lambda s: who(s).confirm(lease(s), [s.written]),
        "CompleteFiles": lambda s: who(s).complete(lease(s), 1),
        "Report": lambda s: who(s).report(lease(s), model.TRANSFER_STATE_STORING),
        "Finish": lambda s: who(s).finish(lease(s), s.wanted_version),
        "Release": lambda s: who(s).release(lease(s)),
        "Fail": lambda s: who(s).fail(lease(s)),
    }


def _lost(what: str, who: Callable[[Scene], Agent], lease: Callable[[Scene], pb.LeaseRef]) -> dict[str, Bad]:
    return {f"{what}: {name}": Bad(call, "lease_lost") for name, call in _every(who, lease).items()}


def _plan(index: int, number: int, size: int) -> Call:
    return lambda s: s.holder.plan(s.lease, [intent(index, number, bytes(size))])


def _report(state: model.TransferState.ValueType) -> Call:
    return lambda s: s.holder.report(s.lease, state)


def _confirm(**changes: Any) -> Call:
    async def call(scene: Scene) -> object:
        result = pb.WriteResult()
        result.CopyFrom(scene.written)
        for name, value in changes.items():
            setattr(result, name, value)
        return await scene.holder.confirm(scene.lease, [result])

    return call


BAD_AGENT_CALLS: Final[dict[str, Bad]] = {
    **_lost("old epoch", lambda s: s.holder, lambda s: s.old),
    **_lost("another agent's transfer", lambda s: s.stranger, lambda s: s.lease),
    **_lost("completion replayed", lambda s: s.holder, lambda s: s.finished),
    **_lost("a lease that never was", lambda s: s.holder, lambda s: s.never()),
    "an epoch to come": Bad(
        lambda s: s.holder.describe(pb.LeaseRef(transfer_id=s.lease.transfer_id, epoch=s.lease.epoch + 1)), "lease_lost"
    ),
    "an id that is none": Bad(lambda s: s.holder.describe(pb.LeaseRef(transfer_id="x", epoch=1)), "lease_lost"),
    "progress backwards": Bad(_report(model.TRANSFER_STATE_RESOLVING), "illegal_move"),
    "progress to a state of jobs' own": Bad(_report(model.TRANSFER_STATE_STORED), "bad_state"),
    "progress to no state": Bad(_report(model.TRANSFER_STATE_UNSPECIFIED), "bad_state"),
    "above 100 %: a part past the end": Bad(_plan(0, 4, 1), "bad_part_size"),
    "above 100 %: the last part too large": Bad(_plan(0, 3, 5 * MIB), "bad_part_size"),
    "above 100 %: a file too large": Bad(_plan(1, 0, 40_001), "bad_part_size"),
    "above 100 %: a file that is not there": Bad(_plan(2, 0, 1), "unknown_file_index"),
    "a file below 0": Bad(lambda s: s.holder.complete(s.lease, -1), "unknown_file_index"),
    "more than a batch": Bad(lambda s: s.holder.plan(s.lease, [s.part.intent] * 1001), "batch_too_large"),
    "a claim of nothing": Bad(lambda s: s.holder.claim(limit=0), "bad_limit"),
    "a disk below 0": Bad(lambda s: s.holder.claim(disk=-1), "bad_size"),
    "no credential": Bad(lambda s: Agent(s.service, s.holder.s3).claim(), "unauthenticated"),
    "a made-up credential": Bad(
        lambda s: Agent(s.service, s.holder.s3, credential="x").claim(), "agent_credential_invalid"
    ),
    "a guessed join secret": Bad(
        lambda s: Agent(s.service, s.holder.s3).register(join_secret="guessed"), "join_secret_invalid"
    ),
}


# Files may be given up while their bytes go up, so what was not planned, or not so, is passed over without an error.
PASSED_OVER: Final[dict[str, Call]] = {
    "confirmed: a part past the end": _confirm(part_number=4),
    "confirmed: a part below 0": _confirm(part_number=-1),
    "confirmed: more bytes than the part has": _confirm(size_bytes=6 * MIB),
    "confirmed: a size below 0": _confirm(size_bytes=-1),
    "confirmed: a file that is not there": _confirm(file_index=7),
    "confirmed: another upload": _confirm(s3_upload_id="another"),
    "confirmed: a part as a whole object": _confirm(part_number=0, s3_upload_id=""),
}


@pytest.fixture(scope="module")
async def scene(new_world: NewWorld, s3_client: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A service of its own, so that nothing else writes to its tables; set up once: nothing may change it."""
    folder = tmp_path_factory.mktemp("bad-agents")
    async with new_world("jobs_bad_agents") as world:
        async with running(world, lease_seconds=600, self_stop_seconds=400) as service:
            yield await _set_up(service, s3_client, folder)


async def _set_up(service: Service, client: Any, folder: Any) -> Scene:
    user = service.user()
    holder, stranger = Agent(service, client), Agent(service, client)
    await holder.register()
    await stranger.register()
    small = await _sample(folder, 1000)
    await user.submit(torrent=small.torrent.read_bytes())
    finished = await holder.claim_one()
    await holder.run(finished, small)
    torrent = await _sample(folder, 11 * MIB, 40_000)
    await user.submit(torrent=torrent.torrent.read_bytes())
    old = await holder.claim_one()
    await holder.release(old)
    lease = await holder.claim_one()
    assert lease.epoch > old.epoch
    described = await holder.describe(lease)
    first = pieces(torrent, described.entries[0])[0]
    (plan,) = await holder.plan(lease, [first.intent])
    written = await holder.write(plan, first.body)
    await holder.confirm(lease, [written])
    await holder.report(lease, model.TRANSFER_STATE_DOWNLOADING)
    await eventually(lambda: _settled(service))
    return Scene(
        service,
        user,
        torrent,
        holder,
        lease,
        old,
        finished,
        stranger,
        first,
        written,
        described.header.wanted_version,
    )


async def _sample(folder: Any, *sizes: int) -> Sample:
    files = tuple(FileSpec(f"file-{number}.bin", size) for number, size in enumerate(sizes))
    serial = next(SERIAL)
    spec = TorrentSpec(files, name=f"bad agents {serial}", seed=serial, piece_length=16 * KIB)
    return await asyncio.to_thread(write_torrent, folder / f"torrent-{serial}", spec)


async def _settled(service: Service) -> bool:
    """What the set-up caused is told of: no event waits for its number."""
    return bool(await service.value("SELECT count(*) = 0 FROM feed WHERE seq IS NULL"))


@pytest.fixture
async def unchanged(scene: Scene) -> AsyncIterator[None]:
    """Every row, every object and every open upload is afterwards what it was before."""
    before = await _everything(scene)
    yield
    assert differences(before, await _everything(scene)) == {}


async def _everything(scene: Scene) -> dict[str, object]:
    s3 = scene.service.world.s3
    return {
        "rows": await rows(scene.service.rows, "jobs", RESTLESS),
        "events": await events(scene.service.rows, "jobs"),
        "s3": await asyncio.to_thread(lambda: (object_keys(s3), open_uploads(s3))),
    }


@pytest.mark.parametrize("bad", BAD_AGENT_CALLS.values(), ids=BAD_AGENT_CALLS)
@pytest.mark.usefixtures("unchanged")
async def test_a_call_that_an_agent_may_not_make(scene: Scene, bad: Bad) -> None:
    await refused(bad.code, bad.call(scene))


@pytest.mark.parametrize("call", PASSED_OVER.values(), ids=PASSED_OVER)
@pytest.mark.usefixtures("unchanged")
async def test_a_result_that_was_not_planned(scene: Scene, call: Call) -> None:
    assert await call(scene) == []


@pytest.mark.usefixtures("unchanged")
async def test_leases_that_are_not_the_callers_are_lost_and_not_renewed(scene: Scene) -> None:
    never = scene.never()
    for agent, lease in ((scene.holder, scene.old), (scene.stranger, scene.lease), (scene.holder, never)):
        beat = await agent.beat(lease)
        assert (list(beat.renewed), list(beat.lost)) == ([], [lease])


@pytest.mark.usefixtures("unchanged")
async def test_a_repeat_of_what_was_said_is_no_error(scene: Scene) -> None:
    """An answer may be lost; the same words again say nothing new."""
    assert await scene.holder.confirm(scene.lease, [scene.written]) == []
    (plan,) = await scene.holder.plan(scene.lease, [scene.part.intent])
    assert plan.verdict == pb.WRITE_VERDICT_HELD
    await scene.holder.report(scene.lease, model.TRANSFER_STATE_DOWNLOADING)
    assert not await scene.holder.finish(scene.lease, scene.wanted_version)


async def test_a_cordoned_agent_claims_nothing(scene: Scene) -> None:
    """Work waits, and is for others."""
    waiting = await scene.user.submit(torrent=(await _sample(scene.torrent.root.parent, 500)).torrent.read_bytes())
    operator = scene.service.operator()
    cordon = ops.SetCordonRequest(agent_id=scene.stranger.agent_id, cordoned=True)
    await operator.call(scene.service.operators.SetCordon, cordon)
    await eventually(lambda: _settled(scene.service))
    before = await _everything(scene)
    assert await scene.stranger.claim() == []
    assert (await scene.stranger.beat()).cordoned
    assert await scene.stranger.claim(limit=8) == []
    assert differences(before, await _everything(scene)) == {}
    assert [each.lease.transfer_id for each in await scene.holder.claim()] == [await scene.service.transfer_of(waiting)]


async def test_a_wrong_part_etag_is_never_an_object(scene: Scene) -> None:
    """jobs cannot know it when it is told; S3 can, and the file is as if nothing of it had been sent."""
    keys = await asyncio.to_thread(object_keys, scene.service.world.s3)
    described = await scene.holder.describe(scene.lease)
    rest = pieces(scene.torrent, described.entries[0])
    plans = await scene.holder.plan(scene.lease, [piece.intent for piece in rest])
    results = [await scene.holder.write(plan, piece.body) for plan, piece in zip(plans, rest, strict=True)]
    results[0].etag = WRONG_ETAG
    await scene.holder.confirm(scene.lease, results)
    (file,) = await scene.holder.complete(scene.lease, 0)
    assert file.verdict == pb.COMPLETE_VERDICT_RESET
    assert await asyncio.to_thread(object_keys, scene.service.world.s3) == keys
    assert not (await scene.holder.describe(scene.lease)).entries[0].held
