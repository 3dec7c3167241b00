"""Transfers whose peers are there and give nothing, and pieces that libtorrent forgets."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.agent.conftest import Start
from tests.integration.agent.fetching import PATIENCE, assert_right, fetch, take_changes, wishes
from tests.integration.agent.proxy import proxy
from tests.integration.agent.test_transfers import has, made
from tests.integration.agent.working import Working, assert_stored, completed, while_it_runs
from tests.integration.jobs.running import Service, eventually
from tseeder_agent.adapters.swarm import Swarm, TorrentWish
from tseeder_agent.domain.ledger import Ledger
from tseeder_agent.usecases.run import Run
from tseeder_kit.clock import boottime
from tseeder_kit.telemetry import exposition
from tseeder_testkit.hostile import HostilePeer, Malice, hostile_peer
from tseeder_testkit.swarm import seeding, swarming
from tseeder_testkit.torrents import KIB, MIB, FileSpec
from tseeder_testkit.tracker import tracking

LIARS = 60
"""Each spoils a piece or two and is banned. libtorrent forgets about one in eighty such pieces of one block."""


def stuck(answer: str) -> float:
    """How often this process's agents met a transfer that did not move."""
    sample = f'tseeder_agent_transfers_stuck_total{{answer="{answer}"}} '
    found = [line for line in exposition().decode().splitlines() if line.startswith(sample)]
    return float(found[0].removeprefix(sample)) if found else 0.0


async def test_no_piece_is_forgotten_whoever_lied_about_it(jobs: Service, start: Start, tmp_path: Path) -> None:
    sample = await made(tmp_path, (FileSpec("a", 9 * MIB), FileSpec("b", 100_000)), piece_length=16 * KIB)
    user = jobs.user()
    async with tracking() as tracker, start(stuck_seconds=2), AsyncExitStack() as opened:
        liars = [
            await opened.enter_async_context(hostile_peer(sample, Malice.CORRUPT_ALL, host=f"127.0.66.{number + 1}"))
            for number in range(LIARS)
        ]
        for liar in liars:
            tracker.add_peer(sample.wire_hash, liar.host, liar.port)
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[tracker.url]))
        await eventually(lambda: has(heard(liars)))
        async with seeding(sample.torrent, sample.root, trackers=[tracker.url], host="127.0.0.2"):
            await completed(user, job)
            await assert_stored(user, job, sample)


def heard(liars: list[HostilePeer]) -> bool:
    """Whether nearly all of them were; some may be left alone."""
    return sum(liar.served > 0 for liar in liars) > 0.9 * len(liars)


async def test_peers_that_give_nothing_are_asked_anew_and_it_goes_on_when_one_does(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    sample = await made(tmp_path, (FileSpec("a", 6 * MIB),))
    user, before = jobs.user(), stuck("asked_again")
    async with (
        hostile_peer(sample, Malice.SILENT) as silent,
        tracking() as tracker,
        start(stuck_seconds=0.5) as agent,
    ):
        tracker.add_peer(sample.wire_hash, silent.host, silent.port)
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[tracker.url]))
        await eventually(lambda: has(stuck("asked_again") >= before + 2))
        await while_it_runs(user, job, past=lambda shown: not shown.stored_bytes)
        assert not await agent.is_idle()
        async with seeding(sample.torrent, sample.root, trackers=[tracker.url], host="127.0.0.2"):
            await completed(user, job)
            await assert_stored(user, job, sample)


@pytest.mark.faults
async def test_a_transfer_that_begins_again_goes_on_from_what_it_had(
    jobs: Service, start: Start, tmp_path: Path
) -> None:
    sample = await made(tmp_path, (FileSpec("a", 12 * MIB),))
    async with (
        proxy("127.0.0.1", jobs.settings.rpc_port) as line,
        swarming(sample, rate=2 * MIB) as lo,
        start(jobs_target=f"127.0.0.1:{line.port}") as agent,
    ):
        user = jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await eventually(lambda: has(any(run.ledger and sum(run.ledger.have) > 20 for run in runs_of(agent))))
        (run,) = runs_of(agent)
        first = run.torrent
        run.to_restage, run.begun_again = True, 1
        line.hang()  # what ends the work here is a lapse: a forgotten piece cannot be had at will
        await eventually(lambda: has(run.tenure.remaining(boottime()) <= 0))
        line.heal()
        await eventually(lambda: has(run.torrent not in (None, first)))
        await completed(user, job)
        await assert_stored(user, job, sample)
        assert run.received.total < sample.total_size + 2 * MIB, "it was fetched twice"


def runs_of(agent: Working) -> list[Run]:
    """What it runs now."""
    return list(agent.app.fleet.runs.values())


@pytest.mark.faults
async def test_a_torrent_that_is_added_anew_keeps_what_it_had(swarm: Swarm, tmp_path: Path) -> None:
    sample = await made(tmp_path, (FileSpec("a", 8 * MIB),))
    book = Ledger(sample.piece_length, sample.total_size)
    book.revise(wishes(sample))
    async with swarming(sample, rate=4 * MIB) as lo:
        wish = TorrentWish(tmp_path / "t.1", sample.info, priorities=book.priorities(), trackers=[lo.url])
        torrent = await swarm.add(wish)
        async with asyncio.timeout(PATIENCE):
            while sum(book.have) < sample.piece_count // 2:
                await take_changes(book, torrent)
        await torrent.flush()
        await torrent.remove(delete=False)
        kept = sum(book.have)
        again = await swarm.add(replace(wish, have=book.have))
        view = await again.view()
        assert view is not None
        assert view.pieces == kept
        async with asyncio.timeout(PATIENCE):
            while not book.fetched:
                await take_changes(book, again)
        await again.flush()
        assert (again.staged / "0").read_bytes() == sample.path_of(sample.files[0]).read_bytes()
        assert again.stats.downloaded <= (sample.piece_count - kept + 1) * sample.piece_length


async def test_what_comes_while_the_true_pieces_are_read_is_not_lost(swarm: Swarm, tmp_path: Path) -> None:
    """The set is of the moment in which libtorrent was asked; a piece may be announced, and taken, before it comes."""
    sample = await made(tmp_path, (FileSpec("a", 4 * MIB),))
    book = Ledger(sample.piece_length, sample.total_size)
    book.revise(wishes(sample))
    torrent = await swarm.add(TorrentWish(tmp_path / "t.1", sample.info, priorities=book.priorities()))
    async with asyncio.timeout(PATIENCE):
        await take_changes(book, torrent)  # the set that is read at the start
        torrent.refresh()
        await asyncio.sleep(0)  # libtorrent is asked, and has nothing yet
        torrent.on_piece(3)
        await take_changes(book, torrent)
        assert book.have[3]
        await take_changes(book, torrent)
    assert book.have[3], "it was forgotten again"


async def test_a_piece_whose_hash_was_wrong_is_known_until_it_comes_right(swarm: Swarm, tmp_path: Path) -> None:
    sample = await made(tmp_path, (FileSpec("a", 4 * MIB),))
    async with hostile_peer(sample, Malice.CORRUPT_ALL) as liar, tracking() as tracker:
        tracker.add_peer(sample.wire_hash, liar.host, liar.port)
        wish = TorrentWish(
            tmp_path / "t.1",
            sample.info,
            priorities=[4] * sample.piece_count,
            trackers=[tracker.url],
        )
        torrent = await swarm.add(wish)
        await eventually(lambda: has(bool(torrent.failed)))
        view = await torrent.view()
        assert view is not None
        assert set(view.failed) == set(torrent.failed)
        await eventually(lambda: has((liar.host, liar.port) in torrent.banned))
        await torrent.remove()
        heard = liar.served
        again = await swarm.add(replace(wish, folder=tmp_path / "t.3", banned=list(torrent.banned)))
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                while not again.failed:
                    await again.changes()
        assert sum(each.event == "started" for each in tracker.announces) == 2
        assert liar.served == heard, "a liar was heard again"
        await again.remove()
    async with swarming(sample) as lo:
        fetched = await fetch(swarm, sample, tmp_path / "t.2", trackers=[lo.url])
    assert_right(sample, fetched)
    assert not fetched.torrent.failed
