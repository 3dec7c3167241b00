"""The session's own figures: what it sent to the swarm and received from it, for metrics (torrents that left are in
it), and how many nodes of the DHT it knows."""

from __future__ import annotations

from typing import Final

import libtorrent as lt

from tseeder_kit.telemetry import counter

_received: Final = counter("agent_swarm_received_bytes", "Payload bytes that peers and web seeds sent to this agent")
_sent: Final = counter("agent_swarm_sent_bytes", "Payload bytes that this agent sent to peers")

RECEIVED: Final = "net.recv_payload_bytes"
SENT: Final = "net.sent_payload_bytes"
DHT_NODES: Final = "dht.dht_nodes"


class Traffic:
    """One session's counters, which rise for as long as it lives."""

    def __init__(self) -> None:
        self._known = {RECEIVED: 0, SENT: 0}
        self.dht_nodes = 0

    def take_in(self, alert: lt.session_stats_alert) -> None:
        """What came since the last time."""
        values = alert.values
        self.dht_nodes = int(values[DHT_NODES])
        for name, total in ((RECEIVED, _received), (SENT, _sent)):
            total.inc(max(0, values[name] - self._known[name]))
            self._known[name] = values[name]
