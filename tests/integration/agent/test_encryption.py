"""Whether connections are encrypted, between two sessions of libtorrent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import libtorrent as lt
import pytest

from tests.integration.agent.fetching import LOOPBACK, PATIENCE
from tseeder_agent.adapters.swarm import Swarm, Torrent, TorrentWish, open_swarm
from tseeder_agent.adapters.swarm.settings import Encryption
from tseeder_testkit.torrents import KIB, FileSpec, Sample, TorrentSpec, make_torrent

SETTINGS: list[Encryption] = ["required", "preferred", "off"]


async def joined(swarm: Swarm, sample: Sample, folder: Path, peers: list[tuple[str, int]]) -> Torrent:
    wish = TorrentWish(folder, sample.info, priorities=[4] * sample.piece_count, known_peers=peers)
    return await swarm.add(wish)


async def meeting(torrent: Torrent) -> dict[int, int]:
    """Port -> flags of the peers that have shaken hands."""
    found = await asyncio.to_thread(torrent.handle.get_peer_info)
    on_the_way = lt.peer_info.connecting | lt.peer_info.handshake
    return {int(peer.ip[1]): peer.flags for peer in found if not peer.flags & on_the_way}


@pytest.mark.parametrize("there", SETTINGS)
@pytest.mark.parametrize("here", SETTINGS)
async def test_two_agents_meet_encrypted_where_one_wants_it(
    tmp_path: Path, here: Encryption, there: Encryption
) -> None:
    sample = await make_torrent(tmp_path / "made", TorrentSpec(files=(FileSpec("a", 256 * KIB),)))
    async with (
        open_swarm(replace(LOOPBACK, encryption=here)) as one,
        open_swarm(replace(LOOPBACK, encryption=there)) as two,
        open_swarm(replace(LOOPBACK, encryption="preferred")) as anybody,
    ):
        ports = [await two.listen_port(), await anybody.listen_port()]
        await joined(two, sample, tmp_path / "two", [])
        await joined(anybody, sample, tmp_path / "anybody", [])
        torrent = await joined(one, sample, tmp_path / "one", [("127.0.0.1", port) for port in ports])
        wanted = set(ports) if {here, there} != {"required", "off"} else {ports[1]}
        async with asyncio.timeout(PATIENCE):
            found = await meeting(torrent)
            while not wanted <= set(found):
                await asyncio.sleep(0.05)
                found = await meeting(torrent)
    assert set(found) == wanted
    if "required" in {here, there} and ports[0] in found:
        assert found[ports[0]] & lt.peer_info.rc4_encrypted
    if "off" in {here, there} and ports[0] in found:
        assert not found[ports[0]] & (lt.peer_info.rc4_encrypted | lt.peer_info.plaintext_encrypted)
