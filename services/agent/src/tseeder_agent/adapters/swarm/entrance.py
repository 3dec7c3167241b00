"""The operator's own hosts, whose names are resolved here: where the DHT is entered, and the proxy.

libtorrent asks whatever a bootstrap name resolves to: its IP filter does not cover these first packets. And it holds
the address of an HTTP proxy against the filter, for each HTTP tracker.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable

from tseeder_agent.adapters.swarm.settings import SwarmSettings
from tseeder_agent.domain.addresses import is_refused
from tseeder_agent.domain.proxy import HTTP, Proxy
from tseeder_kit.errors import unavailable
from tseeder_kit.logging import get_logger

_log = get_logger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0


async def dht_nodes(settings: SwarmSettings) -> list[str]:
    """`host:port` with literal addresses that the filter lets through; waits until one of the names is known."""
    pause = _FIRST_PAUSE
    while True:
        asked = await asyncio.gather(*map(_resolved, settings.dht_nodes))
        if nodes := _allowed({each for found in asked for each in found}, settings):
            return nodes
        if not settings.dht_nodes:
            return []
        _log.warning("dht_nodes_unknown", nodes=len(settings.dht_nodes), retry_seconds=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def proxy_addresses(proxy: Proxy | None) -> list[str]:
    """The addresses of an HTTP proxy; none for others. UNAVAILABLE `proxy_unknown` if its name is not known."""
    if proxy is None or proxy.scheme != HTTP:
        return []
    found = await _resolved(f"{proxy.host}:{proxy.port}")
    if not found:
        raise unavailable("proxy_unknown", "The host of PROXY_URL has no address.")
    return sorted({host for host, _ in found})


async def _resolved(node: str) -> list[tuple[str, int]]:
    host, _, port = node.rpartition(":")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host.removeprefix("[").removesuffix("]"), int(port), type=socket.SOCK_STREAM
        )
    except OSError:
        return []
    return [(str(address[0]), int(port)) for *_, address in found]


def _allowed(nodes: Iterable[tuple[str, int]], settings: SwarmSettings) -> list[str]:
    return [
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        for host, port in sorted(nodes)
        if not is_refused(host, admitted=settings.admitted, refused=settings.refused_networks)
    ]
