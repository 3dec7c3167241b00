"""Whole agents on a real jobs service, real peers and a real S3 server: what a job's owner gets in the end."""

from __future__ import annotations

import uuid
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.integration.agent.conftest import Start
from tests.integration.agent.working import COMPLETED, assert_stored, completed, listening, while_it_runs
from tests.integration.jobs.running import Service, eventually
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_testkit.aria2 import aria2_seeding
from tseeder_testkit.hostile import Malice, hostile_peer
from tseeder_testkit.swarm import seeding, swarming
from tseeder_testkit.torrents import KIB, MIB, FileSpec, Sample, TorrentSpec, Version, make_torrent
from tseeder_testkit.tracker import tracking

FILES = (
    FileSpec("ünï – códé/α.bin", 12 * MIB + 5),
    FileSpec("b.bin", 100),
    FileSpec("empty", 0),
    FileSpec("y/small", 200 * KIB),
    FileSpec("z", 6 * MIB + 77),
)
LARGE = (FileSpec("large", 24 * MIB), FileSpec("other", 11 * MIB))
VERSIONS: list[Version] = ["v1", "hybrid", "v2"]


async def made(folder: Path, files: tuple[FileSpec, ...] = FILES, **fields: Any) -> Sample:
    """A torrent that no other test has."""
    return await make_torrent(folder / "made", TorrentSpec(files=files, name=f"t-{uuid.uuid4().hex[:8]}", **fields))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_torrent_file_becomes_objects(jobs: Service, start: Start, tmp_path: Path, version: Version) -> None:
    sample = await made(tmp_path, version=version)
    async with swarming(sample) as lo, start() as agent:
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await completed(user, job)
        await assert_stored(user, job, sample)
        await eventually(agent.is_idle)
        assert agent.scratch == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_magnet_becomes_objects(jobs: Service, start: Start, tmp_path: Path, version: Version) -> None:
    sample = await made(tmp_path, version=version)
    async with swarming(sample) as lo, start():
        user = jobs.user()
        job = await user.submit(magnet=sample.magnet(trackers=[lo.url]))
        done = await completed(user, job)
        assert done.name == sample.name
        await assert_stored(user, job, sample)


async def test_an_info_hash_whose_peers_are_named_by_a_magnet(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    async with swarming(sample) as lo, start():
        user = jobs.user()
        job = await user.submit(magnet=sample.magnet(peers=lo.peers))
        await completed(user, job)
        await assert_stored(user, job, sample)


async def test_a_single_file_torrent(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await make_torrent(
        tmp_path, TorrentSpec(files=(FileSpec("one.bin", 9 * MIB + 1),), name="one.bin", single=True, seed=77)
    )
    async with swarming(sample) as lo, start():
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await completed(user, job)
        await assert_stored(user, job, sample)


async def test_a_thousand_small_files(jobs: Service, start: Start, tmp_path: Path) -> None:
    files = tuple(FileSpec(f"{number % 10}/file-{number:04}", 3 * KIB + number) for number in range(1000))
    sample = await made(tmp_path, files, piece_length=64 * KIB)
    async with swarming(sample) as lo, start():
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        done = await completed(user, job)
        assert done.stored_files == 1000
        await assert_stored(user, job, sample, wanted=range(0, 1000, 50))


async def test_only_what_is_selected_is_fetched_and_a_wider_wish_fetches_the_rest(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    sample = await made(tmp_path)
    async with swarming(sample, rate=6 * MIB) as lo, start() as agent:
        one, two = jobs.user(), jobs.user()
        torrent = sample.torrent_bytes(trackers=[lo.url])
        first = await one.submit(torrent=torrent, selection=[4])
        await while_it_runs(one, first, past=lambda job: job.state == model.JOB_STATE_DOWNLOADING)
        second = await two.submit(torrent=torrent, selection=[0, 1])
        await completed(one, first)
        await completed(two, second)
        await assert_stored(one, first, sample, wanted=[4])
        await assert_stored(two, second, sample, wanted=[0, 1])
        await eventually(agent.is_idle)
        wider = await one.select(first, None)
        assert wider.state != COMPLETED
        await completed(one, first)
        await assert_stored(one, first, sample)


async def test_a_corrupt_peer_changes_nothing(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    async with swarming(sample, rate=6 * MIB) as lo, hostile_peer(sample, Malice.CORRUPT_ALL) as bad, start():
        lo.tracker.add_peer(sample.wire_hash, bad.host, bad.port)
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await completed(user, job)
        assert bad.served
        await assert_stored(user, job, sample)


@pytest.mark.aria2
async def test_seeded_by_aria2_alone(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    async with tracking() as tracker, start():
        torrent = tmp_path / "with-tracker.torrent"
        torrent.write_bytes(sample.torrent_bytes(trackers=[tracker.url]))
        async with aria2_seeding(sample, torrent):
            user = jobs.user()
            job = await user.submit(torrent=torrent.read_bytes())
            await completed(user, job)
            await assert_stored(user, job, sample)


async def test_a_private_torrent_is_announced_with_its_passkey_only(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    sample = await made(tmp_path, private=True)
    async with swarming(sample) as lo, start():
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.tracker.url_with_key("secret-of-one")]))
        await completed(user, job)
        seeders = {seeder.port for seeder in lo.seeders}
        keys = {each.key for each in lo.tracker.announces if each.port not in seeders}
        assert keys == {"secret-of-one"}
        assert (await user.job(job)).private


async def test_several_transfers_at_once(jobs: Service, start: Start, tmp_path: Path) -> None:
    samples = [await made(tmp_path / str(number)) for number in range(4)]
    async with AsyncExitStack() as stack:
        tracker = await stack.enter_async_context(tracking())
        for number, sample in enumerate(samples):
            host = f"127.0.0.{number + 10}"
            seeder = seeding(sample.torrent, sample.root, trackers=[tracker.url], rate=6 * MIB, host=host)
            await stack.enter_async_context(seeder)
        agent = await stack.enter_async_context(start(transfers=4))
        user = jobs.user()
        submitted = [await user.submit(torrent=sample.torrent_bytes(trackers=[tracker.url])) for sample in samples]
        await eventually(lambda: has(len(agent.app.fleet.runs) > 1))
        for sample, job in zip(samples, submitted, strict=True):
            await completed(user, job)
            await assert_stored(user, job, sample)


async def test_progress_is_shown_while_it_runs(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path, LARGE)
    async with swarming(sample, rate=10 * MIB) as lo, start():
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        async with listening(jobs, job) as shown:
            await completed(user, job)
    assert len(shown) > 5
    total = sample.total_size
    assert {each.wanted_bytes for each in shown[1:]} == {total}
    downloaded = [each.downloaded_bytes for each in shown]
    assert downloaded == sorted(downloaded)
    assert all(each.uploaded_bytes <= each.downloaded_bytes <= total for each in shown)
    assert any(0 < each.uploaded_bytes < total for each in shown), "nothing went up before all was there"
    assert max(each.peers for each in shown) == 1
    assert any(each.download_rate > MIB for each in shown)
    assert any(each.HasField("eta_seconds") for each in shown)


async def test_a_cancel_stops_it_and_leaves_nothing(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path, LARGE)
    async with swarming(sample, rate=3 * MIB) as lo, start() as agent:
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        async with listening(jobs, job) as shown:
            await eventually(lambda: has(any(each.uploaded_bytes for each in shown)))
        await user.cancel(job)
        await eventually(agent.is_idle, 10)
        assert agent.scratch == []
        assert (await user.job(job)).state == model.JOB_STATE_CANCELLED


async def test_a_pause_gives_the_lease_back_and_nothing_is_sent_twice(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    sample = await made(tmp_path, LARGE)
    async with swarming(sample, rate=8 * MIB) as lo, start() as agent:
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        async with listening(jobs, job) as shown:
            await eventually(lambda: has(any(each.uploaded_bytes for each in shown)))
            await user.pause(job)
            await eventually(agent.is_idle, 10)
            assert (await user.job(job)).state == model.JOB_STATE_PAUSED
            before = agent.sent_bytes()
            shown.clear()
            await user.resume(job)
            await completed(user, job)
        assert shown[0].epoch > 1
        await assert_stored(user, job, sample)
        # `before` counts what all agents of this process sent, so only what came after the pause is compared
        assert agent.sent_bytes() - before < sample.total_size


async def has(truth: bool) -> bool:
    return truth
