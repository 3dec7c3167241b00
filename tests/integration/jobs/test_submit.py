"""What is accepted, what is refused, and what a repeated request is told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.jobs.conftest import MakeAgent, MakeSample
from tests.integration.jobs.running import Service, World, refused, running
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.errors import AppError, Kind
from tseeder_testkit.bad_inputs import BAD_INFO_HASHES, BAD_MAGNETS, BAD_TORRENTS

HASH = "0123456789abcdef0123456789abcdef01234567"


async def rows_of(jobs: Service, user_id: uuid.UUID) -> list[int]:
    """How many rows tell of a user."""
    return [
        await jobs.value(f"SELECT count(*) FROM {table} WHERE user_id = $1", user_id)  # noqa: S608
        for table in ("jobs", "idempotency", "charges", "usage")
    ]


async def test_a_magnet_waits_without_metadata(jobs: Service) -> None:
    user = jobs.user()
    job = await user.submit(magnet=f"magnet:?xt=urn:btih:{HASH}&dn=A+film&tr=http%3A%2F%2F127.0.0.1%3A1%2Fannounce")
    assert (job.state, job.name, job.metadata_known, job.file_count) == (model.JOB_STATE_QUEUED, "A film", False, 0)
    assert await user.files(job) == []
    assert (await user.usage()).live_jobs == 1


async def test_a_magnet_and_its_bare_info_hash_are_one_torrent(jobs: Service) -> None:
    user = jobs.user()
    first = await user.submit(magnet=f"magnet:?xt=urn:btih:{HASH}")
    second = await user.submit(info_hash=HASH.upper())
    assert first.job_id != second.job_id
    assert await jobs.transfer_of(first) == await jobs.transfer_of(second)


async def test_identifiers_are_not_readable_in_the_database(jobs: Service, sample: MakeSample) -> None:
    torrent = await sample(100)
    user = jobs.user()
    job = await user.submit(torrent=torrent.torrent_bytes(trackers=["http://127.0.0.1:1/passkey-4711/announce"]))
    assert torrent.info_hash_v1
    needles = (bytes.fromhex(torrent.info_hash_v1), b"passkey-4711", torrent.info)
    for table in ("torrents", "torrent_hashes", "jobs", "transfers", "feed"):
        for row in await jobs.rows(f"SELECT t.*, t::text AS whole FROM {table} t"):  # noqa: S608
            cells = [bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row.values()]
            assert not any(needle in cell or needle.hex().encode() in cell for needle in needles for cell in cells)
    assert (await user.job(job)).metadata_known


@pytest.fixture(scope="module")
async def strict(jobs_world: World) -> AsyncIterator[Service]:
    """A replica that admits no private hosts, as an installation for strangers is set."""
    async with running(jobs_world, admit_private_hosts=False) as service:
        yield service


async def test_each_bad_input_has_its_code_and_changes_nothing(strict: Service, jobs: Service) -> None:
    user = strict.user()
    wishes: list[tuple[dict[str, Any], str, str]] = [
        ({"magnet": bad.text}, bad.code, name) for name, bad in BAD_MAGNETS.items()
    ]
    wishes += [({"info_hash": bad.text}, bad.code, name) for name, bad in BAD_INFO_HASHES.items()]
    few = (
        "empty",
        "truncated",
        "..",
        "piece length 0",
        "tracker inside",
    )  # test_parser_pool and the end-to-end tests have them all
    wishes += [({"torrent": bad.make()}, bad.code, name) for name, bad in BAD_TORRENTS.items() if name in few]
    for wish, code, name in wishes:
        with pytest.raises(AppError) as caught:
            await user.submitted(**wish, idempotency_key="again and again")
        assert (name, caught.value.code) == (name, code)
        assert caught.value.kind in (Kind.INVALID, Kind.UNPROCESSABLE, Kind.TOO_LARGE, Kind.UNSUPPORTED)
    assert await rows_of(jobs, user.user_id) == [0, 0, 0, 0]


async def test_a_selection_that_the_torrent_lacks_changes_nothing(jobs: Service, sample: MakeSample) -> None:
    user = jobs.user()
    torrent = (await sample(10, 20)).torrent.read_bytes()
    error = await refused("selection_out_of_range", user.submitted(torrent=torrent, selection=[0, 2]))
    assert error.kind is Kind.INVALID
    await refused("selection_empty", user.submitted(torrent=torrent, selection=[]))
    assert await rows_of(jobs, user.user_id) == [0, 0, 0, 0]


async def test_only_what_is_selected_is_wanted(jobs: Service, sample: MakeSample) -> None:
    user = jobs.user()
    torrent = await sample(10, 20, 0, 40)
    job = await user.submit(torrent=torrent.torrent.read_bytes(), selection=[1, 2])
    assert (job.file_count, job.wanted_files, job.wanted_bytes, job.stored_files) == (4, 2, 20, 1)
    assert [file.selected for file in await user.files(job)] == [False, True, True, False]
    assert (await user.usage()).reserved_bytes == 20


async def test_the_same_key_answers_the_same_job(jobs: Service, sample: MakeSample) -> None:
    user = jobs.user()
    torrent = (await sample(10, 20)).torrent.read_bytes()
    first = await user.submitted(torrent=torrent, idempotency_key="k1", selection=[1, 0])
    again = await user.submitted(torrent=torrent, idempotency_key="k1", selection=[0, 1, 1])
    assert (first.replayed, again.replayed) == (False, True)
    assert first.job.job_id == again.job.job_id
    assert (await user.usage()).live_jobs == 1

    error = await refused("idempotency_key_reused", user.submitted(torrent=torrent, idempotency_key="k1"))
    assert error.kind is Kind.UNPROCESSABLE
    other = await jobs.user().submitted(torrent=torrent, idempotency_key="k1", selection=[0, 1])
    assert other.job.job_id != first.job.job_id


async def test_fifty_submits_of_one_key_are_one_job(jobs: Service, sample: MakeSample) -> None:
    user = jobs.user()
    torrent = (await sample(10)).torrent.read_bytes()

    async def submit() -> str:
        """A client that is told to come again comes again."""
        while True:
            try:
                return (await user.submitted(torrent=torrent, idempotency_key="the key")).job.job_id
            except AppError as exc:
                if exc.code != "idempotency_in_flight":
                    raise

    assert len(set(await asyncio.gather(*(submit() for _ in range(50))))) == 1
    assert len((await user.list_jobs()).jobs) == 1


async def test_an_idempotency_record_does_not_give_its_torrent_away(jobs: Service, sample: MakeSample) -> None:
    torrent, user = await sample(1000), jobs.user()
    await user.submit(magnet=torrent.magnet(), idempotency_key="k")
    # Whoever reads the database tries info-hashes that he knows.
    guess = json.dumps(["magnet", [["v1", torrent.info_hash_v1]], [], [], [], "", None])
    found = await jobs.value("SELECT fingerprint FROM idempotency WHERE user_id = $1", user.user_id)
    assert found != hashlib.sha256(guess.encode()).digest()


async def test_a_stored_torrent_completes_at_once(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000, 2000)
    data = torrent.torrent.read_bytes()
    await jobs.user().submit(torrent=data)
    played = await agent()
    await played.run(await played.claim_one(), torrent)

    user = jobs.user()
    sources: tuple[dict[str, Any], ...] = (
        {"torrent": data},
        {"magnet": torrent.magnet()},
        {"info_hash": torrent.info_hash},
    )
    for source in sources:
        job = await user.submit(**source)
        assert (job.state, job.stored_bytes) == (model.JOB_STATE_COMPLETED, 3000)
        assert job.HasField("finished_at")
    usage = await user.usage()
    assert (usage.charged_bytes, usage.reserved_bytes, usage.live_jobs) == (3000, 0, 0)  # once, not thrice
    assert await played.claim() == []


async def test_half_of_it_stored_waits_for_the_other_half(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000, 2000)
    data = torrent.torrent.read_bytes()
    await jobs.user().submit(torrent=data, selection=[0])
    played = await agent()
    await played.run(await played.claim_one(), torrent)

    user = jobs.user()
    assert (await user.submit(torrent=data, selection=[0])).state == model.JOB_STATE_COMPLETED
    job = await user.submit(torrent=data)
    assert (job.state, job.stored_files) == (model.JOB_STATE_QUEUED, 1)
    lease = await played.claim_one()
    assert (await played.describe(lease)).wanted == [1]
    await played.run(lease, torrent)
    assert (await user.job(job)).state == model.JOB_STATE_COMPLETED


async def test_who_lacks_the_scope_is_refused(jobs: Service, sample: MakeSample) -> None:
    user = jobs.user()
    reader = user.with_scopes("jobs:read")
    torrent = (await sample(10)).torrent.read_bytes()
    error = await refused("scope_missing", reader.submitted(torrent=torrent))
    assert error.kind is Kind.FORBIDDEN
    await refused("scope_missing", reader.files(str(uuid.uuid4())))
    await refused("unauthenticated", jobs.jobs.GetJob(pb.GetJobRequest(job_id=str(uuid.uuid4()))))
