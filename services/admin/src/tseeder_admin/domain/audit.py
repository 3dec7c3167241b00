"""The audit log: what operators did, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from tseeder_admin.domain.operators import Justification, Operator
from tseeder_kit.errors import AppError, Kind

USER_CREATE: Final = "user.create"
USER_SET_ROLE: Final = "user.set_role"
USER_SUSPEND: Final = "user.suspend"
USER_REINSTATE: Final = "user.reinstate"
USER_LOGOUT: Final = "user.logout"
AGENT_CORDON: Final = "agent.cordon"
AGENT_UNCORDON: Final = "agent.uncordon"
AGENT_DRAIN: Final = "agent.drain"
AGENT_UNDRAIN: Final = "agent.undrain"
JOB_TERMINATE: Final = "job.terminate"
DEAD_LETTER_REPLAY: Final = "dead_letter.replay"
STORAGE_CLEAN: Final = "storage.clean"

ON_USERS: Final = frozenset({USER_CREATE, USER_SET_ROLE, USER_SUSPEND, USER_REINSTATE, USER_LOGOUT})
"""Actions whose target is a user's id."""

# After these nobody can tell whether the effect took place: the answer was lost, or the other side broke down midway.
_LOST: Final = frozenset({Kind.UNAVAILABLE, Kind.DEADLINE, Kind.CANCELLED, Kind.INTERNAL})


class Outcome(StrEnum):
    """What came of an act. `started` until it is known; `unknown` may still become `done` or `refused`."""

    STARTED = "started"
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Intent:
    """An act that is about to be carried out. `details` never hold a secret or personal data: they stay for ever."""

    audit_id: UUID
    operator: Operator
    action: str
    target: str
    justification: Justification
    details: Mapping[str, str | bool]
    request_id: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A row of the log."""

    audit_id: UUID
    actor_user_id: UUID
    actor_role: str
    action: str
    target: str
    reason: str
    ticket_id: str
    outcome: Outcome
    outcome_code: str | None
    details: Mapping[str, str | bool]
    at: datetime
    request_id: str


def outcome_of(error: AppError) -> Outcome:
    """What an effect's error means for the log: refused, so nothing happened; or unknown."""
    return Outcome.UNKNOWN if error.kind in _LOST else Outcome.REFUSED
