"""What a view shows of a transfer, once a second."""

from __future__ import annotations

from dataclasses import dataclass

from tseeder_agent.domain.ledger import Amounts
from tseeder_agent.domain.transfer import Stage

LONGEST_ETA_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes of one job's files, rates of the whole transfer in bytes a second."""

    job_id: str
    epoch: int
    stage: Stage
    amounts: Amounts
    download_rate: int
    upload_rate: int
    peers: int
    seeds: int
    eta_seconds: int | None


def eta(amounts: Amounts, download_rate: int, upload_rate: int) -> int | None:
    """Seconds until all is in S3: what is slower, the swarm or S3, decides. None: nobody can know."""
    waits = []
    for missing, rate in (
        (amounts.wanted - amounts.downloaded, download_rate),
        (amounts.wanted - amounts.uploaded, upload_rate),
    ):
        if missing > 0 and rate <= 0:
            return None
        if missing > 0:
            waits.append(-(-missing // rate))
    longest = max(waits, default=0)
    return longest if longest <= LONGEST_ETA_SECONDS else None


class Meter:
    """A rate over the last seconds, from bytes as they are counted."""

    def __init__(self, span_seconds: float = 5.0) -> None:
        self._span = span_seconds
        self._samples: list[tuple[float, int]] = []
        self._counted = 0
        self.total = 0

    def add(self, size: int) -> None:
        """So many bytes more."""
        self.total += size

    def reach(self, counted: int) -> None:
        """Another counter stands there now; less than last time means that it has begun anew."""
        self.add(counted - self._counted if counted >= self._counted else counted)
        self._counted = counted

    def rate(self, now: float) -> int:
        """Bytes a second over the span, for a caller who asks about once a second; `now` in seconds."""
        self._samples.append((now, self.total))
        while len(self._samples) > 2 and self._samples[1][0] <= now - self._span:
            self._samples.pop(0)
        began, before = self._samples[0]
        return int((self.total - before) / (now - began)) if now > began else 0
