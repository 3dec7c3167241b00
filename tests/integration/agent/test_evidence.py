"""What an agent sees of its swarm, from libtorrent to the diagnosis of the job."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.integration.agent.conftest import Start
from tests.integration.agent.test_transfers import has, made
from tests.integration.agent.working import assert_stored, completed, listening
from tests.integration.jobs.running import Service, User, eventually
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_testkit.hostile import Malice, hostile_peer
from tseeder_testkit.swarm import seeding, swarming
from tseeder_testkit.torrents import MIB, FileSpec
from tseeder_testkit.tracker import tracking

TELLING: dict[str, Any] = {"stall_seconds": 0.5, "evidence_seconds": 0.3}
SMALL = (FileSpec("a", MIB),)
DEAD = "http://127.0.0.1:1/announce/a-passkey"


async def told(user: User, job: model.Job, verdict: str) -> pb.Diagnosis:
    """The job's diagnosis once it has this verdict, and evidence to it."""
    last = await user.diagnosis(job)

    async def there() -> bool:
        nonlocal last
        last = await user.diagnosis(job)
        return last.verdict == verdict and last.HasField("swarm")

    try:
        await eventually(there)
    except TimeoutError:
        raise AssertionError(f"not {verdict}: {last}") from None
    return last


async def test_nobody_has_it(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample, user = await made(tmp_path, SMALL), jobs.user()
    async with tracking() as tracker, start(**TELLING):
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[tracker.url]))
        first = await told(user, job, "no_peers")
        (seen,) = first.swarm.trackers
        assert (seen.url, seen.state, seen.fails) == (tracker.url, model.TRACKER_STATE_WORKING, 0)
        assert (first.swarm.peers, first.swarm.received_bytes) == (0, 0)

        async def seen_again() -> bool:
            now = await user.diagnosis(job)
            assert (now.verdict, now.since) == ("no_peers", first.since)
            return now.swarm.quiet_seconds > first.swarm.quiet_seconds

        await eventually(seen_again)
        async with seeding(sample.torrent, sample.root, trackers=[tracker.url], host="127.0.0.2"):
            await completed(user, job)
            await assert_stored(user, job, sample)
    assert (await user.diagnosis(job)).verdict == "completed"


async def test_a_tracker_that_refuses_and_another_one_that_the_owner_adds(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    sample, user = await made(tmp_path, SMALL), jobs.user()
    async with tracking() as tracker, tracking() as better, start(**TELLING):
        tracker.refusal = "unregistered\r\ntorrent \x1b[31m" + "x" * 1000
        url = tracker.url_with_key("a-passkey")
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[url]))
        found = await told(user, job, "trackers_refuse")
        (seen,) = found.swarm.trackers
        assert (seen.url, seen.state) == (url, model.TRACKER_STATE_REFUSES)
        assert seen.message.startswith("unregistered torrent [31mxxx")
        assert len(seen.message) == 200
        assert seen.fails >= 1
        reason = (await user.job(job)).reason
        assert (reason.code, "unregistered" in reason.message) == ("trackers_refuse", False)
        async with seeding(sample.torrent, sample.root, trackers=[better.url], host="127.0.0.2"):
            added = await user.submit(torrent=sample.torrent_bytes(trackers=[better.url]))
            await completed(user, job)
            await completed(user, added)


@pytest.mark.parametrize("together", [True, False], ids=["one job", "two users"])
async def test_a_tracker_that_knows_nobody_keeps_no_other_one_from_being_asked(
    jobs: Service, start: Start, tmp_path: Path, *, together: bool
) -> None:
    sample, user, other = await made(tmp_path, SMALL), jobs.user(), jobs.user()
    async with tracking() as empty, tracking() as better, start(**TELLING):
        async with seeding(sample.torrent, sample.root, trackers=[better.url], host="127.0.0.2"):
            first = [empty.url, better.url] if together else [empty.url]
            job = await user.submit(torrent=sample.torrent_bytes(trackers=first))
            if not together:
                await told(user, job, "no_peers")
                await completed(other, await other.submit(torrent=sample.torrent_bytes(trackers=[better.url])))
            await completed(user, job)


@pytest.mark.faults
async def test_trackers_that_cannot_be_reached(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample, user = await made(tmp_path, SMALL), jobs.user()
    nowhere = "http://127.0.0.1:2/announce"
    async with start(**TELLING):
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[DEAD, nowhere]))
        found = await told(user, job, "trackers_unreachable")
    assert {(each.url, each.state) for each in found.swarm.trackers} == {
        (DEAD, model.TRACKER_STATE_UNREACHABLE),
        (nowhere, model.TRACKER_STATE_UNREACHABLE),
    }
    assert "refused" in found.swarm.trackers[0].message


async def test_a_refusal_beside_a_tracker_that_works_is_seen_and_no_verdict(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    sample, user = await made(tmp_path, SMALL), jobs.user()
    async with tracking() as tracker, tracking() as other, start(**TELLING):
        tracker.refusal = "no"
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[tracker.url, other.url]))
        found = await told(user, job, "no_peers")
        states = {each.url: each.state for each in found.swarm.trackers}
        assert states[other.url] == model.TRACKER_STATE_WORKING


@pytest.mark.faults
async def test_a_magnet_that_nobody_knows(jobs: Service, start: Start) -> None:
    user = jobs.user()
    async with tracking() as tracker, start(**TELLING):
        magnet = f"magnet:?xt=urn:btih:{secrets.token_hex(20)}&tr={tracker.url}"
        job = await user.submit(magnet=magnet)
        found = await told(user, job, "no_peers")
        assert found.state == model.JOB_STATE_RESOLVING

        async def works() -> bool:
            seen = (await user.diagnosis(job)).swarm.trackers
            return [each.state for each in seen] == [model.TRACKER_STATE_WORKING]

        await eventually(works)
        refused = await user.submit(magnet=f"magnet:?xt=urn:btih:{secrets.token_hex(20)}&tr={DEAD}")
        assert (await told(user, refused, "trackers_unreachable")).state == model.JOB_STATE_RESOLVING


async def test_a_peer_that_sends_nothing_but_corrupt_data(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample, user = await made(tmp_path, (FileSpec("a", 4 * MIB),)), jobs.user()
    async with hostile_peer(sample, Malice.CORRUPT_ALL) as liar, tracking() as tracker, start(**TELLING):
        tracker.add_peer(sample.wire_hash, liar.host, liar.port)
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[tracker.url]))
        found = await told(user, job, "peers_corrupt")
        assert found.swarm.banned_peers == 1
        assert found.swarm.failed_pieces > 0

        async def counted() -> bool:
            return (await user.diagnosis(job)).swarm.wasted_bytes > 0

        await eventually(counted)
        async with seeding(sample.torrent, sample.root, trackers=[tracker.url], host="127.0.0.2"):
            await completed(user, job)
            await assert_stored(user, job, sample)


async def test_peers_without_the_last_piece(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample, user = await made(tmp_path, (FileSpec("a", MIB), FileSpec("b", MIB)), piece_length=64 * 1024), jobs.user()
    sample.path_of(sample.files[1]).write_bytes(bytes(MIB))
    async with (
        tracking() as tracker,
        seeding(sample.torrent, sample.root, trackers=[tracker.url], host="127.0.0.2", partial=True),
        start(**TELLING),
    ):
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[tracker.url]))
        found = await told(user, job, "pieces_unavailable")
        assert (found.swarm.peers, found.swarm.missing_pieces) == (1, 16)
        assert found.swarm.received_bytes >= MIB


@pytest.mark.faults
async def test_what_moves_is_looked_at_rarely(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample, user = await made(tmp_path, (FileSpec("a", 6 * MIB),)), jobs.user()
    async with swarming(sample, rate=2 * MIB) as lo, start(evidence_seconds=0.3):
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        first = await told(user, job, "moving")
        async with listening(jobs, job) as shown:
            await eventually(lambda: has(any(each.downloaded_bytes > 5 * MIB for each in shown)))
        found = await user.diagnosis(job)
        assert found.swarm_seen_at == first.swarm_seen_at
        await completed(user, job)
