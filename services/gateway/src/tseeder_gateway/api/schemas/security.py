"""Sessions, second factors, and what happened to accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field

from tseeder.auth.v1 import auth_pb2 as pb
from tseeder_gateway.api.schemas.accounts import LogInView
from tseeder_gateway.api.schemas.wire import (
    Count,
    Id,
    OptionalCursor,
    OptionalInt,
    OptionalText,
    Query,
    RequestBody,
    View,
    canonical_uuid,
    described,
    present_timestamp,
)

CODE_CHARS = 64
RECOVERY_CODE = "^([a-z2-7]{4}-){3}[a-z2-7]{4}$"
KIND = r"^[a-z_]+\.[a-z_]+$"


class ProofBody(RequestBody):
    """The user himself once more. Who has no password leaves it away, and has signed in within ten minutes."""

    password: str = Field(default="", json_schema_extra={"maxLength": 128})
    code: str = Field(default="", max_length=CODE_CHARS, description="of the second factor, where there is one")

    def proof(self) -> pb.Proof:
        """As auth takes it."""
        return pb.Proof(password=self.password, code=self.code)


class DeletionBody(ProofBody):
    """The user himself once more, before all of his is gone."""


class CodeBody(RequestBody):
    """What the authenticator app shows."""

    code: str = Field(max_length=CODE_CHARS, description="six digits")


class SessionView(View):
    """A session of the caller's."""

    session_id: Id
    user_agent: str
    remote_address: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    method: str = described("how it was signed in: `password`, `oidc`")
    second_factor: bool
    current: bool = described("the one that asks")

    @classmethod
    def of(cls, session: pb.Session) -> SessionView:
        """From auth's message."""
        return cls(
            session_id=session.session_id,
            user_agent=session.user_agent,
            remote_address=session.remote_address,
            created_at=present_timestamp(session, "created_at"),
            last_seen_at=present_timestamp(session, "last_seen_at"),
            expires_at=present_timestamp(session, "expires_at"),
            method=session.method,
            second_factor=session.second_factor,
            current=session.current,
        )


class EndedView(View):
    """How many sessions were ended."""

    ended: Count


class TotpView(View):
    """A secret for an authenticator app, shown this once; nothing is asked for until it is confirmed."""

    secret: str = described("base32, for typing", pattern="^[A-Z2-7]{32}$")
    uri: str = described(pattern="^otpauth://totp/")
    qr_svg: str = described("the URI as an SVG image", pattern="^<svg ")

    @classmethod
    def of(cls, answer: pb.StartTotpResponse) -> TotpView:
        """From auth's message."""
        return cls(secret=answer.secret, uri=answer.uri, qr_svg=answer.qr_svg)


class RecoveryCodesView(View):
    """What opens the account once each, if the authenticator is lost."""

    recovery_codes: list[str] = described("shown this once", items={"type": "string", "pattern": RECOVERY_CODE})


class ConfirmedTotpView(RecoveryCodesView):
    """A second factor that began; the session goes on under a new secret (in the cookie) and a new CSRF token."""

    session: LogInView

    @classmethod
    def of(cls, answer: pb.ConfirmTotpResponse) -> ConfirmedTotpView:
        """From auth's message."""
        return cls(recovery_codes=list(answer.recovery_codes), session=LogInView.of(answer.session))


class EventsQuery(Query):
    """Where the list goes on."""

    cursor: OptionalCursor = None
    limit: OptionalInt = Field(default=None, ge=1, le=200, description="50 if not given")


class AllEventsQuery(EventsQuery):
    """Which events, and from where on."""

    user_id: Annotated[UUID | None, BeforeValidator(canonical_uuid)] = Field(
        default=None, description="of this account; of all, and of none, if not given"
    )
    kind: OptionalText = Field(default=None, max_length=64, description="such as `login.refused`; all if not given")


class OwnSecurityEventView(View):
    """Something that happened to the caller's account."""

    event_id: Id
    kind: str = described(pattern=KIND)
    at: datetime
    remote_address: str = described("of who did it; empty for operators")
    user_agent: str
    by_operator: bool
    details: dict[str, str]

    @classmethod
    def of(cls, event: pb.SecurityEvent) -> OwnSecurityEventView:
        """From auth's message. Where an operator works is not for those whom he serves."""
        by_operator = event.actor_user_id not in ("", event.user_id)
        return cls(
            event_id=event.event_id,
            kind=event.kind,
            at=present_timestamp(event, "at"),
            remote_address="" if by_operator else event.remote_address,
            user_agent="" if by_operator else event.user_agent,
            by_operator=by_operator,
            details=dict(event.details),
        )


class SecurityEventView(View):
    """Something that happened to an account."""

    event_id: Id
    kind: str = described(pattern=KIND)
    user_id: str | None = described("null: nobody's account", format="uuid")
    actor_user_id: str | None = described("the operator who did it; null: the user, or whoever tried", format="uuid")
    at: datetime
    remote_address: str
    user_agent: str
    details: dict[str, str]

    @classmethod
    def of(cls, event: pb.SecurityEvent) -> SecurityEventView:
        """From auth's message."""
        return cls(
            event_id=event.event_id,
            kind=event.kind,
            user_id=event.user_id or None,
            actor_user_id=event.actor_user_id or None,
            at=present_timestamp(event, "at"),
            remote_address=event.remote_address,
            user_agent=event.user_agent,
            details=dict(event.details),
        )
