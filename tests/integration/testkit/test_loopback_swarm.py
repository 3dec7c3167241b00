import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tseeder_testkit.aria2 import aria2_seeding
from tseeder_testkit.swarm import swarming
from tseeder_testkit.torrents import (
    MIB,
    FileSpec,
    TorrentSpec,
    content,
    load_sample,
    make_torrent,
    save_sample,
)
from tseeder_testkit.tracker import tracking

PATIENCE = 20.0


async def gone(pid: int) -> None:
    """Wait until no process has this id; TimeoutError if it stays."""
    async with asyncio.timeout(PATIENCE):
        while runs(pid):  # noqa: ASYNC110 - nothing tells of the end of a process that is not our child
            await asyncio.sleep(0.02)


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_content_is_a_function_of_its_seed(tmp_path: Path) -> None:
    spec = TorrentSpec(files=(FileSpec("a", MIB + 1),), seed=7)
    one, two = await make_torrent(tmp_path / "1", spec), await make_torrent(tmp_path / "2", spec)
    assert one.info_hash == two.info_hash
    assert one.path_of(one.files[0]).read_bytes() == b"".join(content(7, "a", MIB + 1))
    save_sample(one, tmp_path / "saved.json")
    assert load_sample(tmp_path / "saved.json") == one


async def test_seeders_announce_themselves_and_end_with_the_swarm(tmp_path: Path) -> None:
    sample = await make_torrent(tmp_path, TorrentSpec(files=(FileSpec("a", MIB),)))
    async with swarming(sample, seeders=2) as lo:
        assert {f"{host}:{port}" for host, port in lo.tracker.peers(sample.wire_hash)} == set(lo.peers)
        pids = [seeder.pid for seeder in lo.seeders]
    for pid in pids:
        await gone(pid)


async def test_the_demo_s_swarm_tells_what_it_has_and_dies_with_its_parent(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import subprocess, sys; subprocess.run([sys.executable, '-m', 'tseeder_testkit.demo_swarm', *sys.argv[1:]])",
        "--dir",
        str(tmp_path),
        "--mib",
        "4",
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    said = json.loads(await asyncio.wait_for(parent.stdout.readline(), PATIENCE))
    assert said["torrent"] == str(tmp_path / "demo.torrent")
    assert (tmp_path / "demo.torrent").read_bytes().startswith(b"d8:announce")
    assert said["magnet"].startswith("magnet:?xt=urn:btih:")
    assert sum(file["size"] for file in said["files"]) == 4 * MIB
    assert any(not file["path"].isascii() for file in said["files"])
    assert any(file["size"] == 0 for file in said["files"])
    children = children_of(parent.pid)
    seeders = [pid for child in children for pid in children_of(child)]
    assert seeders
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    for pid in children + seeders:
        await gone(pid)


@pytest.mark.aria2
async def test_aria2_seeds(tmp_path: Path) -> None:
    sample = await make_torrent(tmp_path, TorrentSpec(files=(FileSpec("a", MIB), FileSpec("b/ü", 5))))
    async with tracking() as tracker:
        torrent = tmp_path / "with-tracker.torrent"
        torrent.write_bytes(sample.torrent_bytes(trackers=[tracker.url]))
        async with aria2_seeding(sample, torrent) as seeder:
            await tracker.wait_for_peers(sample.wire_hash, 1)
            assert tracker.peers(sample.wire_hash) == [(seeder.host, seeder.port)]
        await gone(seeder.pid)
