"""Fetches onto a disk where no file may grow beyond 2 MiB, and prints what the torrent told of it."""

import asyncio
import hashlib
import json
import resource
import sys
from pathlib import Path

from tests.integration.agent.fetching import LOOPBACK
from tseeder_agent.adapters.swarm import Changes, TorrentWish, open_swarm
from tseeder_testkit.bencoding import bdecode, bencode

LIMIT = 2 << 20


async def main(torrent: bytes, folder: Path, tracker: str) -> None:
    outer = bdecode(torrent)
    assert isinstance(outer, dict)
    info = outer[b"info"]
    assert isinstance(info, dict)
    pieces = info[b"pieces"]
    assert isinstance(pieces, bytes)
    count = len(pieces) // 20
    async with open_swarm(LOOPBACK) as swarm:
        added = await swarm.add(TorrentWish(folder, bencode(info), priorities=[4] * count, trackers=[tracker]))
        changes = Changes()
        while changes.disk is None:
            changes = await added.changes()
        failure = changes.disk
        await added.flush()
        piece_length = info[b"piece length"]
        assert isinstance(piece_length, int)
        held, readable = [-1], [0]
        while held != readable:  # a piece may be announced, and taken back a moment later
            added.refresh()
            changes = await added.changes()
            if changes.have is not None:
                held = [piece for piece, has in enumerate(changes.have) if has]
                readable = [piece for piece in held if _is_right(added.staged / "0", piece, piece_length, pieces)]
        sys.stdout.write(json.dumps({"full": failure.full, "have": held}))
        await added.remove()


def _is_right(path: Path, piece: int, piece_length: int, pieces: bytes) -> bool:
    with path.open("rb") as source:
        source.seek(piece * piece_length)
        digest = hashlib.sha1(source.read(piece_length), usedforsecurity=False).digest()
    return digest == pieces[20 * piece : 20 * piece + 20]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    asyncio.run(main(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]), sys.argv[3]))
