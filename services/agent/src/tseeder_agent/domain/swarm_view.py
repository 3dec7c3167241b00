"""How the swarm looks from inside a transfer that does not move."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

LOGGED_PIECES = 10


@dataclass(frozen=True, slots=True)
class SwarmView:
    """`pieces` are verified, `begun` ones have blocks that were asked for; the rest counts peers.

    `unhashed`: every block is here, yet the piece is neither right nor wrong. `failed`: whose hashes were wrong last.
    """

    pieces: int = 0
    begun: int = 0
    blocks_asked: int = 0
    blocks_writing: int = 0
    unhashed: frozenset[int] = frozenset()
    failed: tuple[int, ...] = ()
    peers: int = 0
    seeds: int = 0
    choking: int = 0
    on_parole: int = 0
    candidates: int = 0

    def told(self) -> dict[str, Any]:
        """For a log line: numbers only."""
        return {**asdict(self), "unhashed": sorted(self.unhashed)[:LOGGED_PIECES], "failed": list(self.failed)}
