"""The registry of NATS subjects: who rings, who listens, what the payload is.

A message says "look now" or shows progress to eyes; nothing is decided from one. No subject holds a torrent's name
or an info-hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID


@dataclass(frozen=True)
class Subject:
    """One row of the registry."""

    pattern: str
    payload: str
    rung_by: str
    heard_by: str


REGISTRY: Final = (
    Subject("jobs.available", "empty", "jobs", "agent: claim now"),
    Subject("jobs.feed", "empty", "jobs", "readers of jobs.v1.Feed: list now"),
    Subject("jobs.job.*.changed", "empty", "jobs", "gateway: read the job again, for its event streams"),
    Subject("agent.*.orders", "empty", "jobs", "agent: send a heartbeat now, orders wait"),
    Subject("progress.job.*", "tseeder.agent.v1.Progress", "agent", "gateway: event streams"),
    Subject("auth.feed", "empty", "auth", "readers of auth's feed: list now"),
)

JOBS_AVAILABLE: Final = "jobs.available"
JOBS_FEED: Final = "jobs.feed"
AUTH_FEED: Final = "auth.feed"


def job_changed(job_id: UUID | str) -> str:
    """A job's row has a newer version."""
    return f"jobs.job.{job_id}.changed"


def agent_orders(agent_id: str) -> str:
    """Orders wait for this agent. Agent ids are `[a-z0-9-]`, so they are one token."""
    return f"agent.{agent_id}.orders"


def job_progress(job_id: UUID | str) -> str:
    """Progress of one job, at 1 Hz, for eyes only."""
    return f"progress.job.{job_id}"
