import asyncio
import json
import os
import select
import socket
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tests.integration.agent.fetching import LOOPBACK, PATIENCE, assert_right, fetch, take_changes, wishes
from tests.integration.jobs.running import eventually
from tseeder_agent.adapters.swarm import MetadataWish, Swarm, Torrent, TorrentWish, open_swarm
from tseeder_agent.domain.evidence import TrackerState
from tseeder_agent.domain.ledger import Ledger
from tseeder_agent.domain.tenure import Tenure
from tseeder_agent.domain.transfer import Description, LeaseId
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.run import Run
from tseeder_agent.usecases.stage_torrent import stage_torrent
from tseeder_kit.clock import boottime
from tseeder_kit.errors import AppError
from tseeder_testkit.bencoding import Bencodable, bdecode, bencode
from tseeder_testkit.hostile import Malice, hostile_peer
from tseeder_testkit.swarm import seeding, swarming
from tseeder_testkit.torrents import KIB, MIB, FileSpec, Sample, TorrentSpec, Version, make_torrent
from tseeder_testkit.tracker import tracking

FILES = (
    FileSpec("ünï – códé/α.bin", 6 * MIB + 5),
    FileSpec("b.bin", 100),
    FileSpec("empty", 0),
    FileSpec("y/small", 200 * KIB),
    FileSpec("z", 3 * MIB + 77),
)
VERSIONS: list[Version] = ["v1", "hybrid", "v2"]


async def made(folder: Path, version: Version = "v1", files: tuple[FileSpec, ...] = FILES) -> Sample:
    return await make_torrent(folder / "made", TorrentSpec(files=files, version=version))


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("version", VERSIONS)
async def test_everything_arrives_and_is_readable_as_it_comes(swarm: Swarm, tmp_path: Path, version: Version) -> None:
    sample = await made(tmp_path, version)
    async with swarming(sample, seeders=2) as lo:
        fetched = await fetch(swarm, sample, tmp_path / "t.1", trackers=[lo.url])
    assert_right(sample, fetched)
    assert all(name.startswith("f/") and name[2:].isdigit() for name in names(tmp_path / "t.1"))
    await fetched.torrent.remove()
    assert names(tmp_path / "t.1") == set()


@pytest.mark.parametrize("part_size", [0, 100 * KIB + 1, MIB])
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_wanted_subset_with_pieces_at_its_boundaries(
    swarm: Swarm, tmp_path: Path, version: Version, part_size: int
) -> None:
    sample = await made(tmp_path, version)
    wanted = {index for index, file in enumerate(sample.files) if file.path in ("b.bin", "y/small", "z")}
    async with swarming(sample) as lo:
        fetched = await fetch(swarm, sample, tmp_path / "t.1", trackers=[lo.url], wanted=wanted, part_size=part_size)
    assert_right(sample, fetched, wanted)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_magnet_gives_the_info_bytes_and_the_layers(swarm: Swarm, tmp_path: Path, version: Version) -> None:
    sample = await made(tmp_path, version)
    seen: list[Torrent] = []
    async with swarming(sample) as lo:
        wish = MetadataWish(tmp_path / "m", sample.info_hash_v1 or "", sample.info_hash_v2 or "", trackers=[lo.url])
        metadata = await swarm.resolve(wish, timeout=PATIENCE, seen=seen.append)
        assert metadata.info == sample.info
        assert (bdecode(metadata.piece_layers) if metadata.piece_layers else {}) == sample.piece_layers
        assert len(seen) == 1
        assert names(tmp_path / "m") == set()
        fetched = await fetch(swarm, sample, tmp_path / "t.1", known_peers=metadata.peers, layers=metadata.piece_layers)
    assert_right(sample, fetched)


async def test_a_magnet_that_names_a_peer(swarm: Swarm, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    async with swarming(sample) as lo:
        wish = MetadataWish(tmp_path / "m", sample.info_hash_v1 or "", peers=lo.peers)
        metadata = await swarm.resolve(wish, timeout=PATIENCE, seen=lambda _: None)
    assert metadata.info == sample.info


async def test_a_v2_torrent_whose_layers_are_not_known_learns_them_from_peers(swarm: Swarm, tmp_path: Path) -> None:
    sample = await made(tmp_path, "v2")
    async with swarming(sample) as lo:
        fetched = await fetch(swarm, sample, tmp_path / "t.1", trackers=[lo.url], layers=b"")
    assert_right(sample, fetched)
    assert fetched.unknown


@pytest.mark.parametrize("malice", [Malice.CORRUPT_ALL, Malice.CORRUPT_ONE_BLOCK])
async def test_a_peer_that_sends_corrupt_data_changes_nothing(swarm: Swarm, tmp_path: Path, malice: Malice) -> None:
    sample = await made(tmp_path, files=(FileSpec("a", 4 * MIB),))
    # slow enough that the hostile peer is asked for its share
    async with swarming(sample, rate=3 * MIB) as lo, hostile_peer(sample, malice) as bad:
        lo.tracker.add_peer(sample.wire_hash, bad.host, bad.port)
        fetched = await fetch(swarm, sample, tmp_path / "t.1", trackers=[lo.url])
        assert bad.served
    assert_right(sample, fetched)


async def test_loopback_is_not_reached_where_it_is_not_admitted(tmp_path: Path) -> None:
    sample = await made(tmp_path)
    async with swarming(sample) as lo, open_swarm(replace(LOOPBACK, admit_loopback=False)) as closed:
        wish = MetadataWish(
            tmp_path / "m",
            sample.info_hash_v1 or "",
            trackers=[lo.url, lo.url.replace("127.0.0.1", "localhost"), lo.url.replace("127.0.0.1", "[::ffff:7f00:1]")],
            peers=lo.peers,
        )
        before = len({(each.host, each.port) for each in lo.tracker.announces})
        with pytest.raises(TimeoutError):
            await closed.resolve(wish, timeout=1.0, seen=lambda _: None)
        torrent = await closed.add(
            TorrentWish(
                tmp_path / "t.1",
                sample.info,
                priorities=[4] * sample.piece_count,
                trackers=[lo.url],
                known_peers=[(lo.seeders[0].host, lo.seeders[0].port)],
            )
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while True:
                    changes = await torrent.changes()
                    assert not changes.arrived
                    assert not any(changes.have or ())
        assert len({(each.host, each.port) for each in lo.tracker.announces}) == before


async def test_one_hash_never_runs_twice(swarm: Swarm, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    wish = TorrentWish(tmp_path / "t.1", sample.info, priorities=[4] * sample.piece_count)
    torrent = await swarm.add(wish)
    with pytest.raises(AppError) as caught:
        await swarm.add(replace(wish, folder=tmp_path / "t.2"))
    assert caught.value.code == "hash_in_use"
    await torrent.remove()
    await (await swarm.add(wish)).remove()


async def test_a_torrent_whose_adding_was_given_up_is_not_in_the_session(swarm: Swarm, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    wish = TorrentWish(tmp_path / "t.1", sample.info, priorities=[4] * sample.piece_count)
    for turns in range(8):  # it may be given up while the thread reads the metadata, while it adds, or after
        adding = asyncio.create_task(swarm.add(wish))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        adding.cancel()
        with suppress(asyncio.CancelledError):
            await (await adding).remove()
    await can_be_added(swarm, wish)


async def test_what_a_tracker_says_at_once_is_not_lost(swarm: Swarm, tmp_path: Path) -> None:
    """The loop stands still from when a magnet is handed to libtorrent until its tracker had a second to be asked, and
    to say no: it says so once, and is not asked again for long."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/announce"
        adding = asyncio.create_task(swarm.add_magnet(MetadataWish(tmp_path, "ab" * 20, trackers=[url])))
        await asyncio.sleep(0)
        _refuse_one(listener, seconds=1)
        torrent = await adding
        await asyncio.to_thread(_refuse_one, listener, seconds=30)

        async def told() -> bool:
            return [(each.state, each.message) for each in torrent.trackers.seen()] == [(TrackerState.REFUSES, "no")]

        await eventually(told)


def _refuse_one(listener: socket.socket, *, seconds: float) -> None:
    """The first that comes within `seconds`, if somebody does."""
    if not select.select([listener], [], [], seconds)[0]:
        return
    asking, _ = listener.accept()
    with asking:
        asking.recv(65536)
        body = bencode({b"failure reason": b"no"})
        asking.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        asking.shutdown(socket.SHUT_WR)
        while asking.recv(65536):
            pass


async def test_a_removal_that_was_given_up_is_made_all_the_same(swarm: Swarm, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    wish = TorrentWish(tmp_path / "t.1", sample.info, priorities=[4] * sample.piece_count)
    torrent = await swarm.add(wish)
    before = [asyncio.create_task(swarm.listen_port()) for _ in range(100)]
    removing = asyncio.create_task(torrent.remove())
    await asyncio.sleep(0)
    removing.cancel()
    with suppress(asyncio.CancelledError):
        await removing
    await asyncio.gather(*before)
    await can_be_added(swarm, wish)


async def can_be_added(swarm: Swarm, wish: TorrentWish) -> None:
    """In the end: while it is on its way out, it is `hash_in_use`."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(AppError):
                await (await swarm.add(wish)).remove()
                return


async def test_who_waits_for_an_answer_that_is_lost_is_not_left_waiting(swarm: Swarm, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    torrent = await swarm.add(TorrentWish(tmp_path / "t.1", sample.info, priorities=[4] * sample.piece_count))
    await torrent.metadata()
    waiting = [asyncio.create_task(torrent.availability()), asyncio.create_task(torrent.piece_layers())]
    await asyncio.sleep(0)
    torrent.on_alerts_lost()
    assert [task.done() for task in waiting] == [False, False]
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        assert await asyncio.gather(*waiting) == [[], b""]


async def test_a_torrent_that_was_added_before_a_lapse_is_staged_after_it(swarm: Swarm, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    book = Ledger(sample.piece_length, sample.total_size)
    book.revise(wishes(sample))
    run = Run(LeaseId("t", 1), Tenure(40, boottime()), book.disk_bytes)
    run.torrent = await swarm.add(TorrentWish(tmp_path / "t.1", sample.info, priorities=book.priorities()))
    description = Description(
        run.lease, 1, sample.info_hash_v1 or "", "", True, False, (), (), (), sample.piece_length, sample.total_size,
        "bucket", 1.0, 60.0, sample.info, b"", tuple(wishes(sample)),
    )  # fmt: skip
    # Nothing of the agent around it is asked for: it is added already.
    assert await stage_torrent(cast("Context", None), run, description, book) is run.torrent
    assert run.staged is not None


async def test_trackers_are_limited_over_all_wishes(swarm: Swarm, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    urls = [f"http://127.0.0.1:1/{number}/announce" for number in range(90)]
    torrent = await swarm.add(
        TorrentWish(tmp_path / "t.1", sample.info, priorities=[4] * sample.piece_count, trackers=urls[:40])
    )
    torrent.add_trackers(urls[35:45])
    torrent.add_trackers(urls)
    assert [tracker["url"] for tracker in torrent.handle.trackers()] == urls[:50]


async def test_what_libtorrent_cannot_read_is_refused(swarm: Swarm, tmp_path: Path) -> None:
    with pytest.raises(AppError) as caught:
        await swarm.add(TorrentWish(tmp_path / "t.1", b"d4:name1:xe", priorities=[4]))
    assert caught.value.code == "torrent_unusable"


async def test_symlinks_are_not_made(swarm: Swarm, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    info = bdecode(sample.info)
    assert isinstance(info, dict)
    files = info[b"files"]
    assert isinstance(files, list)
    link: Bencodable = {
        b"attr": b"l",
        b"length": 0,
        b"path": [b"evil"],
        b"symlink path": [b"..", b"..", b"etc", b"passwd"],
    }
    crafted = bencode({**info, b"files": [files[0], link, *files[1:]]})
    torrent_file = tmp_path / "crafted.torrent"
    torrent_file.write_bytes(b"d4:info" + crafted + b"e")
    async with tracking() as tracker, seeding(torrent_file, sample.root, trackers=[tracker.url]):
        for number, fresh in enumerate((True, False)):
            book = Ledger(sample.piece_length, sample.total_size)
            book.revise(wishes(sample))
            folder = tmp_path / f"t.{number}"
            torrent = await swarm.add(
                TorrentWish(folder, crafted, priorities=book.priorities(), trackers=[tracker.url], fresh=fresh)
            )
            async with asyncio.timeout(PATIENCE):
                while not book.fetched:
                    await take_changes(book, torrent)
            assert not [path for path in folder.rglob("*") if path.is_symlink()]
            await torrent.remove()


async def test_the_true_pieces_can_be_asked_for_again(swarm: Swarm, tmp_path: Path) -> None:
    sample = await made(tmp_path)
    async with swarming(sample) as lo:
        fetched = await fetch(swarm, sample, tmp_path / "t.1", trackers=[lo.url])
        fetched.torrent.refresh()
        async with asyncio.timeout(PATIENCE):
            while (changes := await fetched.torrent.changes()).have is None:
                pass
        assert changes.have == [True] * sample.piece_count


async def test_availability_tells_what_is_nobodys_and_the_rest_comes_when_somebody_has_it(
    swarm: Swarm, tmp_path: Path
) -> None:
    sample = await made(tmp_path, files=(FileSpec("a", 2 * MIB), FileSpec("b", 2 * MIB)))
    part = await made(tmp_path / "partial", files=(FileSpec("a", 2 * MIB), FileSpec("b", 2 * MIB)))
    part.path_of(part.files[1]).unlink()
    async with tracking() as tracker, seeding(part.torrent, part.root, trackers=[tracker.url], partial=True):
        fetching = asyncio.create_task(fetch(swarm, sample, tmp_path / "t.1", trackers=[tracker.url]))
        async with asyncio.timeout(PATIENCE):
            counts: list[int] = []
            while sum(counts) < sample.piece_count // 2:
                await asyncio.sleep(0.05)  # libtorrent has no event for it
                counts = [count for torrent in swarm.torrents for count in await torrent.availability()]
        assert counts[-1] == 0
        async with seeding(sample.torrent, sample.root, trackers=[tracker.url], host="127.0.0.3"):
            assert_right(sample, await fetching)


async def test_a_disk_that_takes_no_more_is_told_and_the_pieces_are_counted_again(tmp_path: Path) -> None:
    """In a process of its own, whose files may not grow beyond 2 MiB."""
    sample = await made(tmp_path, files=(FileSpec("fits", 2 * MIB), FileSpec("does not", 6 * MIB)))
    async with swarming(sample) as lo:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.integration.agent.small_disk",
            str(sample.torrent),
            str(tmp_path / "t.1"),
            lo.url,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    said = json.loads(out)
    assert said["full"]
    assert set(said["have"]) <= set(range(2 * MIB // sample.piece_length))
