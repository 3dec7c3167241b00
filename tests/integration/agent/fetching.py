"""Drives the agent's lower half as a transfer does, without jobs and S3: what would go up is kept in memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tseeder_agent.adapters.scratch_reader import ScratchReader, Staged
from tseeder_agent.adapters.swarm import Swarm, SwarmSettings, Torrent, TorrentWish
from tseeder_agent.domain.ledger import Ledger
from tseeder_agent.domain.parts import PartKey
from tseeder_agent.domain.transfer import EntryWish
from tseeder_testkit.bencoding import bencode
from tseeder_testkit.torrents import MIB, Sample

PATIENCE = 20.0
LOOPBACK = SwarmSettings(
    listen_interfaces="127.0.0.1:0", admit_loopback=True, dht=False, utp=False, stop_tracker_seconds=0
)


@dataclass
class Fetched:
    """What came: bytes per part, and how often a part had to be read again because its layers were not known."""

    parts: dict[PartKey, bytes]
    unknown: int
    torrent: Torrent


def wishes(sample: Sample, wanted: Collection[int] | None = None, part_size: int = MIB) -> list[EntryWish]:
    return [
        EntryWish(
            index, file.offset, file.size, wanted=wanted is None or index in wanted, stored=False, part_size=part_size
        )
        for index, file in enumerate(sample.files)
    ]


def layers_of(sample: Sample) -> bytes:
    return bencode(dict(sample.piece_layers)) if sample.piece_layers else b""


async def fetch(
    swarm: Swarm,
    sample: Sample,
    folder: Path,
    *,
    trackers: Sequence[str] = (),
    known_peers: Sequence[tuple[str, int]] = (),
    wanted: Collection[int] | None = None,
    part_size: int = MIB,
    layers: bytes | None = None,
) -> Fetched:
    """Fetch what is wanted, read each part as soon as it is whole, and leave the torrent in the session."""
    book = Ledger(sample.piece_length, sample.piece_count * sample.piece_length)
    book.revise(wishes(sample, wanted, part_size))
    layers = layers_of(sample) if layers is None else layers
    wish = TorrentWish(
        folder,
        sample.info,
        layers,
        priorities=book.priorities(),
        trackers=trackers,
        known_peers=known_peers,
    )
    torrent = await swarm.add(wish)
    staged = Staged(torrent.staged, await torrent.layout(), await torrent.hashes(layers), sample.piece_length)
    fetched = Fetched({}, 0, torrent)
    reader = ScratchReader()
    try:
        async with asyncio.timeout(PATIENCE):
            while not book.done:
                torrent.aim(book.window(4, MIB))
                await take_changes(book, torrent)
                await torrent.flush()
                await _read_ready(book, staged, reader, fetched)
    finally:
        reader.close()
    return fetched


async def take_changes(book: Ledger, torrent: Torrent) -> None:
    """Wait until something happened, and note it in the book."""
    changes = await torrent.changes()
    if changes.error is not None:
        raise changes.error
    if changes.have is not None:
        book.rebuild(changes.have)
    for piece in changes.arrived:
        book.arrived(piece)


async def _read_ready(book: Ledger, staged: Staged, reader: ScratchReader, fetched: Fetched) -> None:
    while (part := book.take()) is not None:
        buffer = bytearray(part.size)
        outcome = await reader.read(staged, part, memoryview(buffer), with_sha256=False)
        assert not outcome.wrong, "a part was not readable after the barrier"
        if outcome.part is None:
            fetched.unknown += 1
            await fetched.torrent.learn_layers(staged.hashes)
            book.put_back(part.key)
            continue
        fetched.parts[part.key] = bytes(buffer)
        book.hold(part.key)
    for index in book.take_whole(10_000):
        book.store(index)


def assert_right(sample: Sample, fetched: Fetched, wanted: Collection[int] | None = None) -> None:
    """Every wanted file's parts make its true bytes, and nothing else was taken for upload."""
    for index, file in enumerate(sample.files):
        keys = sorted(key for key in fetched.parts if key.file_index == index)
        if wanted is not None and index not in wanted:
            assert not keys
            continue
        data = b"".join(fetched.parts[key] for key in keys)
        assert hashlib.sha256(data).hexdigest() == file.sha256, file.path
