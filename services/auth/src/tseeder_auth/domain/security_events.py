"""What is kept of what happened to accounts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tseeder_auth.domain.accounts import Client


class EventKind(StrEnum):
    """`<subject>.<what became of it>`; stable, shown by the API."""

    REGISTERED = "account.registered"
    REGISTERED_AGAIN = "account.registered_again"
    VERIFIED = "account.verified"
    DELETED = "account.deleted"
    SUSPENDED = "account.suspended"
    REINSTATED = "account.reinstated"
    ROLE_CHANGED = "account.role_changed"
    LOGIN_DONE = "login.done"
    LOGIN_REFUSED = "login.refused"
    PROOF_REFUSED = "proof.refused"
    SESSION_REVOKED = "session.revoked"
    SESSIONS_ENDED = "sessions.ended"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 (no password)
    PASSWORD_RESET = "password.reset"  # noqa: S105 (no password)
    RESET_REQUESTED = "password.reset_requested"
    KEY_CREATED = "api_key.created"
    KEY_REVOKED = "api_key.revoked"
    TOTP_CONFIRMED = "totp.confirmed"
    TOTP_DISABLED = "totp.disabled"
    RECOVERY_CODES_REPLACED = "recovery_codes.replaced"
    RECOVERY_CODE_USED = "recovery_code.used"
    IDENTITY_LINKED = "identity.linked"
    IDENTITY_UNLINKED = "identity.unlinked"


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One of them. `user_id` None: nobody's account; `actor_user_id` None: the user himself, or whoever tried."""

    event_id: UUID
    kind: str
    user_id: UUID | None
    actor_user_id: UUID | None
    at: datetime
    client: Client
    details: Mapping[str, str]
