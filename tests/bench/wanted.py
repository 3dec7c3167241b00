"""The figures that are wanted: one line each, under the name that a bench's `ratios` give it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Wanted:
    """A figure is met if it is at most `bound`, or, with `least`, at least that."""

    bound: float
    what: str
    unit: str = ""
    least: bool = False

    def met(self, seen: float) -> bool:
        """Whether `seen` is good enough."""
        return seen >= self.bound if self.least else seen <= self.bound

    def verdict(self, seen: float) -> str:
        """ "met", or by how much it is missed."""
        return "met" if self.met(seen) else f"missed by {abs(seen / self.bound - 1) * 100:.0f} %"

    def asked(self) -> str:
        """The bound in words: "<= 0.9 MiB"."""
        return f"{'>=' if self.least else '<='} {self.bound:g} {self.unit}".strip()


WANTED: Final[Mapping[str, Mapping[str, Wanted]]] = {
    "ingest": {
        "limit": Wanted(1.08, "submit to completed, by the time of the bare bytes on the same link"),
        "best_serial": Wanted(0.46, "submit to completed, by the time of the best pair of tools"),
        "cpu": Wanted(0.8, "the agent's CPU per GiB, by that pair's"),
        "agent_mib": Wanted(300, "the agent's memory at its highest", "MiB"),
    },
    "firstbyte": {
        "first_byte": Wanted(2, "first byte right after the submit, by 4 round trips and one piece at the line's rate"),
        "seek": Wanted(4, "first byte elsewhere in the file while nothing else is fetched, by the same"),
        "seek_busy": Wanted(8, "the same beside the transfer's own download"),
        "stored": Wanted(1.1, "a stored file through the gateway, by the object store itself"),
    },
    "loads": {
        "many": Wanted(1.5, "1,000 files of 1 MiB: submit to completed, by the bare bytes' time"),
        "at_once": Wanted(1.15, "4 transfers at once: submit to the last one completed, by the bare bytes' time"),
        "slow": Wanted(1.25, "20 peers, 15 of them slow: submit to completed, by what they have to give"),
        "agent_mib": Wanted(300, "the agent's memory at its highest", "MiB"),
    },
    "crowd": {
        "lag_p99_ms": Wanted(100, "50 transfers at once: the agent's event loop is late, 99th percentile", "ms"),
        "quiet_s": Wanted(10, "the longest that any one of them got nothing while others did", "s"),
        "limit": Wanted(1.3, "submit to the last one completed, by the bare bytes' time"),
    },
    "rest": {
        "warm_up_s": Wanted(10, "`make up` on an existing state, to ready", "s"),
        "service_mib": Wanted(90, "the largest service but the agent, at rest", "MiB"),
        "agent_mib": Wanted(120, "the agent, at rest", "MiB"),
    },
    "logins": {
        "p99_added_ms": Wanted(250, "50 sign-ins at once: by how much the other routes' 99th percentile rises", "ms"),
    },
    "timing": {
        "login": Wanted(0.05, "a wrong password: how much better than a coin its time tells known from unknown"),
        "register": Wanted(0.05, "a registration: the same"),
        "reset": Wanted(0.05, "a request for a reset: the same"),
        "resend": Wanted(0.05, "a request for the verification mail: the same"),
    },
    "claims": {
        "claims": Wanted(0.9, "claims a second with 1,000,000 queued, by those with 1,000", least=True),
    },
}
