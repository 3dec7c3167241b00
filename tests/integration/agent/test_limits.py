"""What libtorrent takes of a torrent, at each limit and one above it."""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.integration.agent.fetching import LOOPBACK, PATIENCE
from tests.integration.agent.test_transfers import has
from tests.integration.jobs.running import eventually
from tseeder_agent.adapters.swarm import MetadataWish, Swarm, TorrentWish, open_swarm
from tseeder_agent.adapters.swarm.settings import MAX_DEPTH, MAX_METADATA_BYTES, MAX_PIECES, MAX_TOKENS
from tseeder_agent.domain.proxy import HTTP, Proxy
from tseeder_kit.errors import AppError
from tseeder_testkit.bencoding import Bencodable, bdecode, bencode

PIECE = 16 * 1024


def info(pieces: int = 1, **more: Bencodable) -> bytes:
    fields: dict[bytes, Bencodable] = {
        b"length": pieces * PIECE,
        b"name": b"x",
        b"piece length": PIECE,
        b"pieces": bytes(20 * pieces),
    }
    return bencode(fields | {name.encode(): value for name, value in more.items()})


def nested(depth: int) -> Bencodable:
    value: Bencodable = []
    for _ in range(depth - 1):
        value = [value]
    return value


async def taken(swarm: Swarm, folder: Path, raw: bytes, pieces: int = 1) -> bool:
    """Whether it is added."""
    try:
        torrent = await swarm.add(TorrentWish(folder, raw, priorities=[4] * pieces))
    except AppError as exc:
        if exc.code != "torrent_unusable":
            raise
        return False
    await torrent.remove()
    return True


async def test_pieces(swarm: Swarm, tmp_path: Path) -> None:
    assert MAX_PIECES == 200_000
    assert await taken(swarm, tmp_path / "at", info(MAX_PIECES), MAX_PIECES)
    assert not await taken(swarm, tmp_path / "above", info(MAX_PIECES + 1), MAX_PIECES + 1)


async def test_info_bytes(swarm: Swarm, tmp_path: Path) -> None:
    assert MAX_METADATA_BYTES == 10_000_000
    room = MAX_METADATA_BYTES - len(info(zz=bytes(9_000_000))) + 9_000_000
    assert len(info(zz=bytes(room))) == MAX_METADATA_BYTES
    assert await taken(swarm, tmp_path / "at", info(zz=bytes(room)))
    assert not await taken(swarm, tmp_path / "above", info(zz=bytes(room + 1)))


async def test_depth(swarm: Swarm, tmp_path: Path) -> None:
    assert MAX_DEPTH == 32
    assert await taken(swarm, tmp_path / "at", info(zz=nested(MAX_DEPTH - 1)))  # the dictionary around it is a level
    assert not await taken(swarm, tmp_path / "above", info(zz=nested(MAX_DEPTH)))


async def test_tokens(swarm: Swarm, tmp_path: Path) -> None:
    """All that jobs takes is taken (containers are two tokens here), and not much more."""
    assert MAX_TOKENS == 1_000_000
    around = 11  # the dictionary, five keys, and four values beside the list
    assert await taken(swarm, tmp_path / "at", info(zz=[[]] * (MAX_TOKENS - around - 1)))
    assert not await taken(swarm, tmp_path / "above", info(zz=[[]] * (MAX_TOKENS + 1)))


@asynccontextmanager
async def claiming(size: int) -> AsyncIterator[tuple[int, list[int]]]:
    """A peer that claims metadata of `size` bytes: its port, and the pieces of it that it was asked for."""
    asked: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            hello = await reader.readexactly(68)
            extended = bytes(5) + b"\x10" + bytes(2)
            writer.write(hello[:20] + extended + hello[28:48] + b"-XX0001-" + secrets.token_hex(6).encode())
            said = b"\x14\0" + bencode({b"m": {b"ut_metadata": 3}, b"metadata_size": size})
            writer.write(struct.pack(">I", len(said)) + said)
            theirs = 0
            while True:
                body = await reader.readexactly(struct.unpack(">I", await reader.readexactly(4))[0])
                if body[:2] == b"\x14\0":
                    told: Any = bdecode(body[2:])
                    theirs = told[b"m"][b"ut_metadata"]
                elif body[:2] == b"\x14\x03":
                    request: Any = bdecode(body[2:])
                    asked.append(request[b"piece"])
                    head = {b"msg_type": 1, b"piece": request[b"piece"], b"total_size": size}
                    data = bytes([20, theirs]) + bencode(head) + bytes(min(PIECE, size))
                    writer.write(struct.pack(">I", len(data)) + data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()


async def test_metadata_that_peers_claim(tmp_path: Path) -> None:
    """At the limit one piece after the other is asked for; above it none after the first answer has told the size."""
    async with (
        claiming(MAX_METADATA_BYTES) as (at, asked),
        claiming(MAX_METADATA_BYTES + 1) as (above, refused),
        open_swarm(replace(LOOPBACK, encryption="off")) as swarm,
    ):
        await swarm.add_magnet(MetadataWish(tmp_path, "2" * 40, peers=[f"127.0.0.1:{above}"]))
        await eventually(lambda: has(bool(refused)), PATIENCE)
        await swarm.add_magnet(MetadataWish(tmp_path, "1" * 40, peers=[f"127.0.0.1:{at}"]))
        await eventually(lambda: has(max(asked, default=0) >= 20), PATIENCE)
        assert set(refused) == {0}


async def test_sources_are_limited_over_all_wishes_and_with_what_is_learned_later(swarm: Swarm, tmp_path: Path) -> None:
    trackers = [f"http://127.0.0.1:1/{number}/announce" for number in range(60)]
    seeds = [f"http://127.0.0.1:1/{number}/x" for number in range(11)]
    wish = TorrentWish(tmp_path, info(), priorities=[4], trackers=trackers[:49], web_seeds=seeds)
    torrent = await swarm.add(wish)
    torrent.add_trackers(trackers[:50])
    assert len(torrent.handle.trackers()) == 50
    torrent.add_trackers(trackers)
    assert [each["url"] for each in torrent.handle.trackers()] == trackers[:50]
    assert sorted(torrent.handle.url_seeds()) == sorted(seeds[:10])


async def test_trackers_that_are_never_asked_are_not_told_of(tmp_path: Path) -> None:
    """No proxy carries UDP: such a tracker would wait for ever, and no verdict on all of them could be given."""
    trackers = ["udp://127.0.0.1:1/announce", "http://127.0.0.1:1/announce"]
    async with open_swarm(replace(LOOPBACK, proxy=Proxy(HTTP, "127.0.0.1", 1))) as swarm:
        torrent = await swarm.add(TorrentWish(tmp_path, info(), priorities=[4], trackers=trackers))
        assert [each.url for each in torrent.trackers.seen()] == trackers[1:]
