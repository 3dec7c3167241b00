"""What this agent as a whole is doing: whether it has joined, what it runs, whether it takes more."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial

from tseeder_agent.domain.tenure import Timing
from tseeder_agent.domain.transfer import LeaseId
from tseeder_agent.usecases.run import Run
from tseeder_kit.errors import unavailable
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import gauge
from tseeder_kit.trace_context import TraceContext

_log = get_logger(__name__)
_running = gauge("agent_transfers", "Transfers that this agent runs")


@dataclass(frozen=True, slots=True)
class Rung:
    """The bell for work rang at `at` (seconds since 1970), within the span `trace`."""

    at: float
    trace: TraceContext


@dataclass(slots=True)
class Fleet:
    """`claim_now` and `beat_now` are rung by the doorbell; `timing` is jobs' since the last Register."""

    slots: int
    read_url: str = ""  # where this agent serves what is not stored yet
    timing: Timing | None = None
    cordoned: bool = False  # by an operator: what runs goes on
    drained: bool = False  # by an operator: what runs is given back
    draining: bool = False  # it stops
    claim_now: asyncio.Event = field(default_factory=asyncio.Event)
    beat_now: asyncio.Event = field(default_factory=asyncio.Event)
    rung: Rung | None = None  # for work, since the last claim
    runs: dict[LeaseId, Run] = field(default_factory=dict)
    tasks: dict[LeaseId, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def free_slots(self) -> int:
        """How many more transfers it takes now."""
        if self.draining or self.cordoned or self.drained or self.timing is None:
            return 0
        return max(0, self.slots - len(self.runs))

    def add(self, run: Run, task: asyncio.Task[None]) -> None:
        """A lease was claimed, and `task` runs it."""
        self.runs[run.lease] = run
        self.tasks[run.lease] = task
        task.add_done_callback(partial(self._remove, run.lease))
        _running.set(len(self.runs))

    def _remove(self, lease: LeaseId, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("transfer_not_cleaned_up", transfer_id=lease.transfer_id, epoch=lease.epoch, exc_info=error)
        self.runs.pop(lease, None)
        self.tasks.pop(lease, None)
        _running.set(len(self.runs))
        self.claim_now.set()

    def ring(self, trace: TraceContext | None) -> None:
        """There may be work; `trace` is the span in which somebody said so."""
        if trace is not None:
            self.rung = Rung(time.time(), trace)
        self.claim_now.set()

    async def check(self) -> None:
        """The readiness check: whether it has joined."""
        if self.timing is None:
            raise unavailable("not_registered", "This agent has not joined yet.")
