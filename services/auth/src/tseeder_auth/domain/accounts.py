"""What the service is about: users, sessions, API keys, and the rules of their lifetimes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tseeder_auth.domain.roles import Role
from tseeder_kit.throttle import Policy


@dataclass(frozen=True, slots=True)
class User:
    """An account, as others may see it."""

    user_id: UUID
    email: str
    role: Role
    created_at: datetime
    suspended: bool


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret, which is not kept."""

    key_id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class LoginRules:
    """How long sessions live, and how sign-ins are slowed down."""

    session_lifetime: timedelta
    session_idle: timedelta
    touch_interval: timedelta  # `last_seen_at` and `last_used_at` are written at most this often
    account: Policy
    address: Policy
