"""A magnet's info bytes: verified by jobs itself, and then shared or kept alone."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.jobs.conftest import MakeAgent, MakeSample, own_world
from tests.integration.jobs.running import Service, eventually, refused, running
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.usecases import absorb_magnets
from tseeder_kit.errors import Kind
from tseeder_stack.s3 import S3Server
from tseeder_testkit import raw_torrents as raw
from tseeder_testkit.bencoding import bencode
from tseeder_testkit.torrents import Sample


async def run_all(jobs: Service, agent: MakeAgent, torrent: Sample) -> None:
    """Agents claim whatever waits, resolve and store it, until nothing waits."""
    played = await agent()
    while claimed := await played.claim():
        lease = claimed[0].lease
        described = await played.describe(lease)
        if not described.header.metadata_known and not (await played.submit_metadata(lease, torrent.info)).proceed:
            continue
        await played.run(lease, torrent)


async def test_a_magnet_becomes_a_torrent(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000, 2000)
    user = jobs.user()
    job = await user.submit(magnet=torrent.magnet(trackers=["http://127.0.0.1:1/announce"]), selection=[1])
    played = await agent()
    lease = await played.claim_one()
    assert (await user.job(job)).state == model.JOB_STATE_RESOLVING
    before = await played.describe(lease)
    assert not before.header.metadata_known
    assert before.header.info_hash_v1 == torrent.info_hash_v1
    assert list(before.header.trackers) == ["http://127.0.0.1:1/announce"]
    assert (before.info, before.entries, before.views) == (b"", {}, {job.job_id: []})

    answer = await played.submit_metadata(lease, torrent.info, chunk=100)
    assert answer.proceed
    assert (await played.submit_metadata(lease, torrent.info)).proceed  # the answer was lost: the same again
    known = await user.job(job)
    assert (known.state, known.name, known.metadata_known) == (model.JOB_STATE_DOWNLOADING, torrent.name, True)
    assert (known.file_count, known.wanted_files, known.wanted_bytes) == (2, 1, 2000)
    after = await played.describe(lease)
    assert after.info == torrent.info
    assert after.header.wanted_version > before.header.wanted_version
    assert (after.wanted, after.views) == ([1], {job.job_id: [(1, 1)]})
    await played.run(lease, torrent)
    assert (await user.job(job)).state == model.JOB_STATE_COMPLETED


@pytest.mark.parametrize("version", ["v2", "hybrid"])
async def test_v2_comes_with_its_piece_layers(
    jobs: Service, agent: MakeAgent, sample: MakeSample, version: str
) -> None:
    torrent = await sample(100_000, 10, version=version)
    layers = bencode(dict(torrent.piece_layers))
    user = jobs.user()
    job = await user.submit(magnet=torrent.magnet())
    played = await agent()
    lease = await played.claim_one()
    wrong = bencode({root: layer[::-1] for root, layer in torrent.piece_layers.items()})
    await refused("metadata_mismatch", played.submit_metadata(lease, torrent.info, wrong))  # no hash vouches for layers
    assert (await played.submit_metadata(lease, torrent.info, layers)).proceed
    described = await played.describe(lease)
    assert described.piece_layers == layers
    assert (described.header.info_hash_v1, described.header.info_hash_v2) == (
        torrent.info_hash_v1 or "",
        torrent.info_hash_v2,
    )
    await played.run(lease, torrent)
    assert (await user.job(job)).state == model.JOB_STATE_COMPLETED


async def test_bytes_that_are_not_that_torrent_are_refused(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent, other = await sample(1000), await sample(1000)
    user = jobs.user()
    job = await user.submit(magnet=torrent.magnet())
    played = await agent()
    lease = await played.claim_one()
    for wrong in (other.info, b"", b"d", torrent.info[:-1], torrent.info + b"x"):
        error = await refused("metadata_mismatch", played.submit_metadata(lease, wrong))
        assert error.kind is Kind.INVALID
    shown = await user.job(job)
    assert (shown.state, shown.metadata_known) == (model.JOB_STATE_RESOLVING, False)
    assert (await played.submit_metadata(lease, torrent.info)).proceed


async def test_right_bytes_that_nobody_may_have_fail_the_job(jobs: Service, agent: MakeAgent) -> None:
    info = bencode(raw.v1_info([(["..", "evil"], 10)]))
    user = jobs.user()
    job = await user.submit(info_hash=hashlib.sha1(info, usedforsecurity=False).hexdigest())
    played = await agent()
    lease = await played.claim_one()
    answer = await played.submit_metadata(lease, info)
    assert (answer.proceed, answer.reason.code) == (False, "torrent_path_traversal")
    failed = await user.reaches(job, model.JOB_STATE_FAILED)
    assert failed.reason.code == "torrent_path_traversal"
    assert (await played.beat(lease)).lost == [lease]


async def test_too_much_is_cut_off(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000)
    await jobs.user().submit(magnet=torrent.magnet())
    played = await agent()
    lease = await played.claim_one()
    error = await refused("metadata_too_large", played.submit_metadata(lease, b"x" * 10_000_001))
    assert error.kind is Kind.TOO_LARGE

    async def without_a_lease() -> AsyncIterator[pb.SubmitMetadataRequest]:
        yield pb.SubmitMetadataRequest(info=torrent.info)

    await refused("lease_missing", played.stub.SubmitMetadata(without_a_lease()))


async def test_two_users_with_a_public_magnet_share_one_transfer(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    torrent = await sample(1000, 2000)
    first, second, third = jobs.user(), jobs.user(), jobs.user()
    one = await first.submit(magnet=torrent.magnet(), selection=[0])
    two = await second.submit(magnet=torrent.magnet())
    ended = await third.submit(magnet=torrent.magnet())
    await third.cancel(ended)
    assert await jobs.transfer_of(one) != await jobs.transfer_of(two)

    played, other = await agent(), await agent()
    lease = await played.claim_one()
    assert await played.claim(limit=5) == []  # never one info-hash twice on one agent
    twin = await other.claim_one()
    assert (await played.submit_metadata(lease, torrent.info)).proceed
    await jobs.joined(two, lease.transfer_id)
    assert await jobs.transfer_of(one) == lease.transfer_id
    beat = await other.beat(twin)
    assert list(beat.lost) == [twin]
    await refused("lease_lost", other.submit_metadata(twin, torrent.info))

    described = await played.describe(lease)
    assert described.views == {one.job_id: [(0, 0)], two.job_id: [(0, 1)]}
    await played.run(lease, torrent)
    for user, job in ((first, one), (second, two)):
        assert (await user.job(job)).state == model.JOB_STATE_COMPLETED
    assert ((await first.usage()).charged_bytes, (await second.usage()).charged_bytes) == (1000, 3000)
    assert (await third.retry(ended)).state == model.JOB_STATE_COMPLETED  # it followed the others
    assert await jobs.value("SELECT count(*) FROM objects WHERE state = 'stored' AND size_bytes = 2000") >= 1


async def test_private_torrents_stay_alone(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000, private=True)
    first, second = jobs.user(), jobs.user()
    one = await first.submit(magnet=torrent.magnet(trackers=["http://127.0.0.1:1/passkey-one"]))
    two = await second.submit(torrent=torrent.torrent_bytes(trackers=["http://127.0.0.1:1/passkey-two"]))
    played, other = await agent(), await agent()
    leases = [await played.claim_one(), await other.claim_one()]
    assert {lease.transfer_id for lease in leases} == {await jobs.transfer_of(one), await jobs.transfer_of(two)}
    for each, lease in zip((played, other), leases, strict=True):
        described = await each.describe(lease)
        if not described.header.metadata_known:
            assert (await each.submit_metadata(lease, torrent.info)).proceed
        mine = "passkey-one" if lease.transfer_id == await jobs.transfer_of(one) else "passkey-two"
        described = await each.describe(lease)
        assert list(described.header.trackers) == [f"http://127.0.0.1:1/{mine}"]
        assert described.header.private
        await each.run(lease, torrent)
    assert (await first.job(one)).private
    sql = """SELECT count(DISTINCT o.object_key) FROM objects o JOIN files f USING (entry_id)
             WHERE f.user_id = ANY($1) AND o.state = 'stored'"""
    assert await jobs.value(sql, [first.user_id, second.user_id]) == 2
    third = jobs.user()
    assert (await third.submit(magnet=torrent.magnet())).state == model.JOB_STATE_QUEUED


async def test_a_torrent_file_takes_waiting_magnets_along(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000, 2000)
    first, second = jobs.user(), jobs.user()
    magnet = await first.submit(magnet=torrent.magnet(), selection=[1])
    file = await second.submit(torrent=torrent.torrent.read_bytes())
    await jobs.joined(magnet, await jobs.transfer_of(file))
    shown = await first.job(magnet)
    assert (shown.metadata_known, shown.wanted_bytes) == (True, 2000)
    await run_all(jobs, agent, torrent)
    for user, job in ((first, magnet), (second, file)):
        assert (await user.job(job)).state == model.JOB_STATE_COMPLETED


async def test_a_selection_that_a_magnet_lacks_fails_it_in_words(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    torrent = await sample(1000)
    user = jobs.user()
    job = await user.submit(magnet=torrent.magnet(), selection=[0, 7])
    played = await agent()
    answer = await played.submit_metadata(await played.claim_one(), torrent.info)
    assert not answer.proceed
    failed = await user.reaches(job, model.JOB_STATE_FAILED)
    assert failed.reason.code == "selection_out_of_range"
    usage = await user.usage()
    assert (usage.live_jobs, usage.reserved_bytes) == (0, 0)
    assert await played.claim() == []


async def test_a_cancelled_magnet_follows_and_its_row_goes(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000, 0)
    one, two = jobs.user(), jobs.user()
    given_up = await one.submit(magnet=torrent.magnet())
    await one.cancel(given_up)
    await two.submit(torrent=torrent.torrent.read_bytes())

    async def followed() -> bool:
        return (await one.job(given_up)).metadata_known

    await eventually(followed)
    assert (await one.job(given_up)).state == model.JOB_STATE_CANCELLED
    # Nothing of it was ever wanted again: not even a file of 0 bytes is his now.
    assert [file.state for file in await one.files(given_up)] == [model.FILE_STATE_DROPPED] * 2

    async def only_the_verified_one() -> bool:
        return not await jobs.value("SELECT count(*) FROM torrents WHERE scope_user_id = $1", one.user_id)

    await eventually(only_the_verified_one)
    assert (await one.retry(given_up)).wanted_files == 2
    await run_all(jobs, agent, torrent)
    assert (await one.job(given_up)).state == model.JOB_STATE_COMPLETED


async def test_a_magnet_of_a_whole_crowd_is_absorbed(
    postgres: Any, migrated_template: str, nats_url: str, rclone_server: S3Server, tmp_path: Path, sample: MakeSample
) -> None:
    torrent = await sample(1000)
    async with (
        own_world(postgres, migrated_template, nats_url, rclone_server, tmp_path, "jobs_crowd") as world,
        running(
            world, sweep_seconds=300
        ) as jobs,  # what moves them is rung for, and no sweep takes the emptied rows away
    ):
        crowd = [jobs.user() for _ in range(absorb_magnets.BATCH + 5)]
        magnets = [await user.submit(magnet=torrent.magnet()) for user in crowd]
        job = await jobs.user().submit(torrent=torrent.torrent.read_bytes())
        transfer = await jobs.transfer_of(job)
        for user, magnet in zip(crowd, magnets, strict=True):
            await jobs.joined(magnet, transfer)
            assert (await user.job(magnet)).metadata_known
