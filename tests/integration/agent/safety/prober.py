"""The swarm under test, as one process in the agent's namespace.

`python -m tests.integration.agent.safety.prober FOLDER` reads one JSON line {"settings": {...}, "torrents": [...],
"magnets": [...]}, adds everything, prints `ready`, and obeys further lines until stdin ends: `trackers NAME URL...`
gives a torrent more trackers. Each is answered with the torrents' problems, as JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.integration.agent.safety.world import stdin
from tseeder_agent.adapters.swarm import MetadataWish, SwarmSettings, Torrent, TorrentWish, open_swarm
from tseeder_agent.domain.proxy import parse_proxy
from tseeder_testkit.bencoding import bencode
from tseeder_testkit.children import die_with_parent

PIECE = 16 * 1024


def info_of(name: str) -> bytes:
    """The info dictionary of a torrent of one piece, that nobody has."""
    pieces = hashlib.sha1(name.encode(), usedforsecurity=False).digest()
    return bencode({b"name": name.encode(), b"piece length": PIECE, b"length": PIECE, b"pieces": pieces})


async def main(folder: Path) -> None:
    """Add what it is told, and hold it until stdin ends."""
    lines = await stdin()
    told = json.loads(await lines.readline())
    async with open_swarm(SwarmSettings(**_settings(told.get("settings", {})))) as swarm:
        torrents: dict[str, Torrent] = {}
        for each in told.get("torrents", ()):
            torrents[each["name"]] = await swarm.add(_torrent(folder, **each))
        for each in told.get("magnets", ()):
            torrents[each["name"]] = await swarm.add_magnet(_magnet(folder, **each))
        print("ready", flush=True)
        while words := (await lines.readline()).decode().split():
            if words[0] == "trackers":
                torrents[words[1]].add_trackers(words[2:])
            print(json.dumps({name: _problem(each) for name, each in torrents.items()}), flush=True)


def _problem(torrent: Torrent) -> str:
    """What the first tracker that does not work said."""
    return next((each.message for each in torrent.trackers.seen() if each.message), "")


def _settings(told: dict[str, Any]) -> dict[str, Any]:
    read = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    return read | ({"proxy": parse_proxy(told["proxy"])} if "proxy" in told else {})


def _torrent(folder: Path, *, name: str, known_peers: Sequence[Sequence[Any]] = (), **rest: Any) -> TorrentWish:
    peers = [(str(host), int(port)) for host, port in known_peers]
    return TorrentWish(folder / name, info_of(name), priorities=[4], known_peers=peers, **rest)


def _magnet(folder: Path, *, name: str, **rest: Any) -> MetadataWish:
    digest = hashlib.sha1(info_of(name), usedforsecurity=False).hexdigest()
    return MetadataWish(folder / name, digest, **rest)


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(main(Path(sys.argv[1])))
