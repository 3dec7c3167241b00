"""A small real HTTP tracker (BEP 3, BEP 23) on loopback."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from aiohttp import web

from tseeder_testkit.bencoding import Bencodable, bencode


@dataclass(frozen=True, slots=True)
class Announce:
    """One announce as it came in. `key` is what follows /announce/ in the path: a passkey."""

    info_hash: bytes
    host: str
    port: int
    event: str
    left: int
    key: str


@dataclass(slots=True)
class Tracker:
    """What the tracker knows. `announces` is its log, oldest first. `refusal`: what it answers everybody, if not ""."""

    host: str
    port: int = 0
    interval: int = 2
    refusal: str = ""
    announces: list[Announce] = field(default_factory=list)
    _peers: dict[bytes, dict[tuple[str, int], None]] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/announce"

    def url_with_key(self, key: str) -> str:
        """An announce URL with a passkey."""
        return f"{self.url}/{key}"

    def add_peer(self, wire_hash: bytes, host: str, port: int) -> None:
        """Hand out a peer that never announces itself, such as a hostile one."""
        self._peers.setdefault(wire_hash, {})[(host, port)] = None

    def peers(self, wire_hash: bytes) -> list[tuple[str, int]]:
        return list(self._peers.get(wire_hash, {}))

    async def wait_for_peers(self, wire_hash: bytes, count: int, *, timeout: float = 60.0) -> None:
        """Return once `count` peers are known for this hash; TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: len(self._peers.get(wire_hash, {})) >= count)

    async def wait_for_peer(self, wire_hash: bytes, host: str, port: int, *, timeout: float = 60.0) -> None:
        """Return once this peer is known; TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: (host, port) in self._peers.get(wire_hash, {}))

    async def handle(self, request: web.Request) -> web.Response:
        """GET /announce[/key]: the query is parsed here, since an info-hash is raw bytes and not UTF-8."""
        query = dict(pair.partition("=")[::2] for pair in request.rel_url.raw_query_string.split("&"))
        wire_hash = unquote_to_bytes(query.get("info_hash", ""))
        if len(wire_hash) != 20 or not query.get("port", "").isdigit():
            return web.Response(body=bencode({b"failure reason": "bad announce"}))
        announce = Announce(
            info_hash=wire_hash,
            host=request.remote or self.host,
            port=int(query["port"]),
            event=query.get("event", ""),
            left=int(query.get("left", "0")),
            key=request.match_info.get("key", ""),
        )
        peers = self._peers.setdefault(wire_hash, {})
        me = (announce.host, announce.port)
        others = [peer for peer in peers if peer != me]
        async with self._changed:
            self.announces.append(announce)
            if announce.event == "stopped":
                peers.pop(me, None)
            else:
                peers[me] = None
            self._changed.notify_all()
        if self.refusal:
            return web.Response(body=bencode({b"failure reason": self.refusal}))
        body: dict[bytes, Bencodable] = {
            b"interval": self.interval,
            b"min interval": 1,
            b"peers": b"".join(map(_compact, others)),
        }
        return web.Response(body=bencode(body))


def _compact(peer: tuple[str, int]) -> bytes:
    return ipaddress.IPv4Address(peer[0]).packed + peer[1].to_bytes(2, "big")


@asynccontextmanager
async def tracking(*, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Tracker]:
    """A tracker that listens while the context is open, on a free port unless one is given."""
    tracker = Tracker(host=host)
    app = web.Application()
    app.router.add_get("/announce", tracker.handle)
    app.router.add_get("/announce/{key}", tracker.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        tracker.port = int(runner.addresses[0][1])
        yield tracker
    finally:
        await runner.cleanup()
