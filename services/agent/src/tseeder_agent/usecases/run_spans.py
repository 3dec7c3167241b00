"""The spans of one lease. What repeats is thinned out, so that no torrent is too large for its trace."""

from __future__ import annotations

from dataclasses import dataclass, field

from tseeder_agent.domain.transfer import LeaseId
from tseeder_kit.tracing import Attributes, Span, Sparse, start


class SwarmSpan:
    """The download of what is wanted, from its start until it is all there; events, and no span for each piece."""

    def __init__(self) -> None:
        self._span: Span | None = None
        self._arrived = False

    def begin(self) -> None:
        """Pieces are wanted; if it runs already it goes on."""
        if self._span is None:
            self._span = start("swarm download")
            self._arrived = False

    def arrived(self) -> None:
        """A piece is there; the first one is an event."""
        if not self._arrived:
            self._arrived = True
            self.event("first_piece")

    def event(self, name: str, attributes: Attributes | None = None) -> None:
        """Something that made a difference to it."""
        if self._span is not None:
            self._span.event(name, attributes)

    def end(self, received_bytes: int) -> None:
        """All is there, or it was given up; `received_bytes` of payload came in over the whole lease."""
        if self._span is not None:
            self._span.set({"tseeder.swarm.received_bytes": received_bytes})
            self._span.end()
            self._span = None


@dataclass(slots=True)
class RunSpans:
    """What is thinned is counted each for itself: a transfer of 25,600 parts shows 338 of them, and its last calls."""

    parts: Sparse = field(default_factory=Sparse)
    plans: Sparse = field(default_factory=Sparse)
    confirms: Sparse = field(default_factory=Sparse)
    completions: Sparse = field(default_factory=Sparse)
    descriptions: Sparse = field(default_factory=Sparse)
    reports: Sparse = field(default_factory=Sparse)
    swarm: SwarmSpan = field(default_factory=SwarmSpan)


def lease_attributes(lease: LeaseId, agent_id: str) -> Attributes:
    """What names a lease."""
    return {
        "tseeder.transfer.id": lease.transfer_id,
        "tseeder.lease.epoch": lease.epoch,
        "tseeder.agent.id": agent_id,
    }
