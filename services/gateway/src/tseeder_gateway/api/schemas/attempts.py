"""The history of a transfer: one lease after the other."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tseeder.jobs.v1 import model_pb2 as model
from tseeder_gateway.api.schemas.jobs import ReasonView
from tseeder_gateway.api.schemas.wire import UNKNOWN, View, described, present_timestamp, timestamp

OUTCOMES: Final = ("stored", "released", "expired", "failed", "cancelled", "parked", "joined", "replaced")


class AttemptView(View):
    """One agent's turn. `outcome` and `ended_at` are null while it runs."""

    epoch: int = described(minimum=1)
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None = described(enum=[*OUTCOMES, UNKNOWN, None])
    reason: ReasonView | None

    @classmethod
    def of(cls, told: model.Attempt) -> AttemptView:
        """From jobs' message."""
        return cls(
            epoch=told.epoch,
            started_at=present_timestamp(told, "started_at"),
            ended_at=timestamp(told, "ended_at"),
            outcome=outcome_of(told),
            reason=ReasonView.of(told.reason) if told.HasField("reason") else None,
        )


class OperatorAttemptView(AttemptView):
    """The same, and who ran it."""

    agent_id: str

    @classmethod
    def of(cls, told: model.Attempt) -> OperatorAttemptView:
        """From jobs' message."""
        return cls(**AttemptView.of(told).model_dump(), agent_id=told.agent_id)


def outcome_of(told: model.Attempt) -> str | None:
    """How it ended; `unknown` for what a newer jobs service says, None while it runs."""
    if not told.outcome:
        return None
    return told.outcome if told.outcome in OUTCOMES else UNKNOWN
