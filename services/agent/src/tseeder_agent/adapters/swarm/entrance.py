"""Where the DHT is entered: the operator's nodes, whose names are resolved here.

libtorrent asks whatever a bootstrap name resolves to; its IP filter does not cover these first packets.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable

from tseeder_agent.adapters.swarm.settings import SwarmSettings
from tseeder_agent.domain.addresses import is_refused
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


async def _resolved(node: str) -> list[tuple[str, int]]:
    host, _, port = node.rpartition(":")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host.removeprefix("[").removesuffix("]"), int(port), type=socket.SOCK_DGRAM
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
