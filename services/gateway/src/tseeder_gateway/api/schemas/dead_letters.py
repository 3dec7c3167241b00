"""What failed for good, as operators see it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from tseeder.jobs.v1 import operators_pb2 as operators
from tseeder_gateway.api.schemas.attempts import OperatorAttemptView
from tseeder_gateway.api.schemas.jobs import ReasonView
from tseeder_gateway.api.schemas.wire import (
    Count,
    Id,
    OptionalCursor,
    OptionalInt,
    OptionalText,
    Query,
    View,
    described,
    timestamp,
)


def _reason(message: operators.DeadLetter) -> ReasonView | None:
    return ReasonView.of(message.reason) if message.HasField("reason") else None


class DeadLettersQuery(Query):
    """Which of them, and from where on."""

    reason_code: OptionalText = Field(default=None, max_length=64, description="such as `no_peers`; all if not given")
    cursor: OptionalCursor = None
    limit: OptionalInt = Field(default=None, ge=1, le=200, description="50 if not given")


class DeadLetterView(View):
    """A transfer that failed, and how many jobs still stand failed on it."""

    transfer_id: Id
    reason: ReasonView | None
    failed_at: datetime | None
    attempts_spent: Count
    failed_jobs: Count

    @classmethod
    def of(cls, letter: operators.DeadLetter) -> DeadLetterView:
        """From jobs' message."""
        return cls(
            transfer_id=letter.transfer_id,
            reason=_reason(letter),
            failed_at=timestamp(letter, "failed_at"),
            attempts_spent=letter.attempts_spent,
            failed_jobs=letter.failed_jobs,
        )


class DeadJobView(View):
    """A job that stands failed, and whose it is."""

    job_id: Id
    user_id: Id

    @classmethod
    def of(cls, job: operators.DeadJob) -> DeadJobView:
        """From jobs' message."""
        return cls(job_id=job.job_id, user_id=job.user_id)


class WholeDeadLetterView(View):
    """The same with its last attempts, newest first, and its first jobs: 50 of each at most."""

    transfer_id: Id
    reason: ReasonView | None
    failed_at: datetime | None
    attempts_spent: Count
    failed_jobs: Count
    attempts: list[OperatorAttemptView]
    jobs: list[DeadJobView]

    @classmethod
    def of(cls, letter: operators.DeadLetter) -> WholeDeadLetterView:
        """From jobs' message."""
        return cls(
            **dict(DeadLetterView.of(letter)),
            attempts=[OperatorAttemptView.of(each) for each in letter.attempts],
            jobs=[DeadJobView.of(each) for each in letter.jobs],
        )


class ReplayView(View):
    """How many jobs are wanted again; `refused_jobs` are over their users' limits by now, and stay failed. For
    `left_jobs` there was no time: ask again."""

    replayed_jobs: Count
    refused_jobs: Count
    transfer_id: Id | None = described("on which they wait; null if all were completed at once, or refused")
    left_jobs: Count

    @classmethod
    def of(cls, done: operators.ReplayDeadLetterResponse) -> ReplayView:
        """From jobs' message."""
        return cls(
            replayed_jobs=done.replayed_jobs,
            refused_jobs=done.refused_jobs,
            left_jobs=done.left_jobs,
            transfer_id=done.transfer_id or None,
        )
