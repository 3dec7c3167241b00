"""What the service is about: users, sessions, API keys, and the rules of their lifetimes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias
from uuid import UUID

from tseeder_auth.domain.roles import Role
from tseeder_auth.domain.text import clipped
from tseeder_kit.throttle import Policy

Method: TypeAlias = Literal["password", "oidc"]
"""What a session was opened with, first."""

AccountState: TypeAlias = Literal["open", "suspended", "deleted"]
"""What other services need to know of an account."""


@dataclass(frozen=True, slots=True)
class User:
    """An account, as others may see it."""

    user_id: UUID
    email: str
    role: Role
    created_at: datetime
    suspended: bool
    verified: bool  # the address was shown to be his own
    second_factor: bool  # one is confirmed
    name: str  # as he wants to be called; "": unset


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from: shown to people and counted by throttles, never relied on."""

    user_agent: str
    remote_address: str  # "": not known

    @classmethod
    def said(cls, user_agent: str, remote_address: str) -> "Client":
        """What came by the wire, cut to what a row and a screen can hold."""
        return cls(clipped(user_agent, longest=400), clipped(remote_address, longest=64))


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's session, as its owner may see it."""

    session_id: UUID
    client: Client
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    method: str
    second_factor: bool  # one was given when it was opened


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
class Identity:
    """A provider's subject that signs in to an account."""

    provider: str
    subject: str
    email: str  # as the provider told it at the last sign-in
    linked_at: datetime
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class LoginRules:
    """How long sessions live, and how sign-ins are slowed down."""

    session_lifetime: timedelta
    session_idle: timedelta
    touch_interval: timedelta  # `last_seen_at` and `last_used_at` are written at most this often
    account: Policy
    address: Policy
    factor: Policy  # codes of one account's second factor
    operators_need_factor: bool  # without one they hold no scope beyond their own account
    enrolment: timedelta  # a second factor that is not confirmed within this is forgotten
    events_kept: timedelta  # security events
