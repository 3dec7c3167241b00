"""Who operates, and what for."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tseeder_kit.errors import AppError, FieldError, forbidden, invalid

READERS: Final = frozenset({"support", "admin", "superadmin"})
WRITERS: Final = frozenset({"admin", "superadmin"})

AGENT_ID: Final = re.compile(r"[a-z0-9-]{1,128}")

MIN_REASON_CHARS: Final = 10
MAX_REASON_CHARS: Final = 2_000
MAX_TICKET_CHARS: Final = 100


@dataclass(frozen=True, slots=True)
class Operator:
    """Who calls, as the verified identity token says."""

    user_id: UUID
    role: str
    scopes: frozenset[str]

    def require_read(self) -> None:
        """Raises FORBIDDEN `scope_missing` or `role_too_low` unless the caller may look."""
        self._require("admin:read", READERS, "support")

    def require_write(self) -> None:
        """Raises FORBIDDEN `scope_missing` or `role_too_low` unless the caller may act."""
        self._require("admin:write", WRITERS, "admin")

    def _require(self, scope: str, roles: frozenset[str], least: str) -> None:
        if scope not in self.scopes:
            raise forbidden("scope_missing", f"This needs the scope {scope}.", scope=scope)
        if self.role not in roles:
            raise forbidden("role_too_low", f"This needs the role {least}.", role=least)


@dataclass(frozen=True, slots=True)
class Justification:
    """Why, in the operator's words, and where it was agreed. "" where nothing is destroyed and nothing was said."""

    reason: str
    ticket_id: str


@dataclass(frozen=True, slots=True)
class Call:
    """An operator's call as it came in: who, in which words, and in which request."""

    operator: Operator
    reason: str
    ticket_id: str
    request_id: str


def required_justification(reason: str, ticket_id: str) -> Justification:
    """For what destroys; raises INVALID `reason_required`, `ticket_required`, `bad_text`."""
    given = optional_justification(reason, ticket_id)
    # Zero-width and other unseen characters are no reason.
    if sum(not unicodedata.category(char).startswith("C") for char in given.reason) < MIN_REASON_CHARS:
        raise _wrong("reason", "reason_required", f"A reason of {MIN_REASON_CHARS} characters or more is required.")
    if all(unicodedata.category(char).startswith("C") for char in given.ticket_id):
        raise _wrong("ticket_id", "ticket_required", "A ticket id is required.")
    return given


def optional_justification(reason: str, ticket_id: str) -> Justification:
    """For the rest; raises INVALID `bad_text`."""
    return Justification(_tidied("reason", reason, MAX_REASON_CHARS), _tidied("ticket_id", ticket_id, MAX_TICKET_CHARS))


def id_of(field: str, text: str) -> UUID:
    """The id; raises INVALID `bad_id`."""
    try:
        return UUID(text)
    except ValueError:
        raise _wrong(field, "bad_id", f"{field} must be a UUID.") from None


def _tidied(field: str, text: str, longest: int) -> str:
    """Blanks and line ends become single blanks, so that ten of them are not ten characters."""
    tidied = " ".join(text.split())
    if len(text) > 2 * longest or len(tidied) > longest or any(unicodedata.category(c) == "Cc" for c in tidied):
        raise _wrong(field, "bad_text", f"{field} must be at most {longest} characters, without control characters.")
    return tidied


def _wrong(field: str, code: str, message: str) -> AppError:
    return invalid(code, message, fields=[FieldError(field, code, message)])
