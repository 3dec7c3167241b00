"""Wire <-> domain."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from uuid import UUID

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from tseeder.auth.v1 import auth_pb2
from tseeder_auth.domain.accounts import ApiKey, Client, Identity, Session, User
from tseeder_auth.domain.roles import Caller, Role
from tseeder_auth.domain.security_events import SecurityEvent
from tseeder_auth.usecases.open_session import NewSession
from tseeder_auth.usecases.prove import Proof
from tseeder_kit.errors import AppError, FieldError, forbidden, invalid
from tseeder_rpc import current_principal

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

_ROLES: Final["Mapping[Role, auth_pb2.Role.ValueType]"] = MappingProxyType(
    {
        Role.USER: auth_pb2.ROLE_USER,
        Role.SUPPORT: auth_pb2.ROLE_SUPPORT,
        Role.ADMIN: auth_pb2.ROLE_ADMIN,
        Role.SUPERADMIN: auth_pb2.ROLE_SUPERADMIN,
    }
)
_FROM_WIRE: Final[Mapping[int, Role]] = MappingProxyType({wire: role for role, wire in _ROLES.items()})


def caller() -> Caller:
    """Who calls; raises UNAUTHENTICATED, or FORBIDDEN `unknown_role` for a token of a newer release."""
    principal = current_principal()
    try:
        role = Role(principal.role)
    except ValueError:
        raise forbidden("unknown_role", "This role is not known here.") from None
    session_id = None if principal.session_id is None else UUID(principal.session_id)
    return Caller(principal.user_id, role, principal.scopes, session_id)


def client_of(wire: auth_pb2.Client) -> Client:
    """Where the gateway saw the request come from."""
    return Client.said(wire.user_agent, wire.remote_address)


def proof_of(wire: auth_pb2.Proof) -> Proof:
    """What he proves himself with."""
    return Proof(wire.password, wire.code)


def role_of(wire: int) -> Role:
    """The role; unspecified is `user`. Raises INVALID `bad_role`."""
    if wire == auth_pb2.ROLE_UNSPECIFIED:
        return Role.USER
    return named_role(wire)


def named_role(wire: int) -> Role:
    """The role, which must be one. Raises INVALID `bad_role`."""
    role = _FROM_WIRE.get(wire)
    if role is None:
        raise _bad_field("role", "bad_role", "There is no such role.")
    return role


def id_of(field: str, text: str) -> UUID:
    """The id; raises INVALID `bad_id`."""
    try:
        return UUID(text)
    except ValueError:
        raise _bad_field(field, "bad_id", f"{field} must be a UUID.") from None


def time_of(field: str, wire: Timestamp) -> datetime:
    """The time, UTC; raises INVALID `bad_time` for what is no time."""
    try:
        return wire.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise _bad_field(field, "bad_time", f"{field} must be a time between the years 1 and 9999.") from None


def timestamp(time: datetime) -> Timestamp:
    """The time on the wire."""
    wire = Timestamp()
    wire.FromDatetime(time)
    return wire


def user_to_wire(user: User) -> auth_pb2.User:
    """The message."""
    return auth_pb2.User(
        user_id=str(user.user_id),
        email=user.email,
        role=_ROLES[user.role],
        created_at=timestamp(user.created_at),
        suspended=user.suspended,
        verified=user.verified,
        second_factor=user.second_factor,
        name=user.name,
    )


def session_to_wire(session: NewSession) -> auth_pb2.LogInResponse:
    """The message, with the session's secret."""
    return auth_pb2.LogInResponse(
        user=user_to_wire(session.user),
        session_token=session.session_token,
        csrf_token=session.csrf_token,
        expires_at=timestamp(session.expires_at),
    )


def open_session_to_wire(session: Session, current: UUID | None) -> auth_pb2.Session:
    """The message, without any secret; `current` is the one that asks."""
    return auth_pb2.Session(
        session_id=str(session.session_id),
        user_agent=session.client.user_agent,
        remote_address=session.client.remote_address,
        created_at=timestamp(session.created_at),
        last_seen_at=timestamp(session.last_seen_at),
        expires_at=timestamp(session.expires_at),
        method=session.method,
        second_factor=session.second_factor,
        current=session.session_id == current,
    )


def event_to_wire(event: SecurityEvent) -> auth_pb2.SecurityEvent:
    """The message."""
    return auth_pb2.SecurityEvent(
        event_id=str(event.event_id),
        kind=event.kind,
        user_id=str(event.user_id or ""),
        actor_user_id=str(event.actor_user_id or ""),
        at=timestamp(event.at),
        remote_address=event.client.remote_address,
        user_agent=event.client.user_agent,
        details=event.details,
    )


def key_to_wire(key: ApiKey) -> auth_pb2.ApiKey:
    """The message; never with a secret."""
    return auth_pb2.ApiKey(
        key_id=str(key.key_id),
        name=key.name,
        prefix=key.prefix,
        scopes=key.scopes,
        created_at=timestamp(key.created_at),
        expires_at=None if key.expires_at is None else timestamp(key.expires_at),
        last_used_at=None if key.last_used_at is None else timestamp(key.last_used_at),
    )


def identity_to_wire(identity: Identity) -> auth_pb2.Identity:
    """The message."""
    return auth_pb2.Identity(
        provider=identity.provider,
        subject=identity.subject,
        email=identity.email,
        linked_at=timestamp(identity.linked_at),
        last_used_at=timestamp(identity.last_used_at),
    )


def _bad_field(field: str, code: str, message: str) -> AppError:
    return invalid(code, message, fields=[FieldError(field, code, message)])
