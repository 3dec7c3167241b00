"""Accounts, sessions and API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from tseeder.auth.v1 import auth_pb2 as pb
from tseeder_gateway.api.schemas.wire import (
    UNKNOWN,
    Id,
    Instant,
    OptionalText,
    Query,
    RequestBody,
    View,
    described,
    enum_names,
    one_of,
    present_timestamp,
    timestamp,
)
from tseeder_gateway.domain.access import Access

ROLES: Final = enum_names(pb.Role, "ROLE_")

RoleName = Literal["user", "support", "admin", "superadmin"]


ScopeName = Literal[
    "jobs:read", "jobs:write", "files:read", "files:write", "me:read", "me:write", "admin:read", "admin:write"
]
_SCOPES: Final = [*get_args(ScopeName)]


def email() -> Any:
    """A field for an address; auth judges it."""
    return described(format="email", maxLength=254)


def new_password() -> Any:
    """A field for a password that is set; auth judges it."""
    return described("8 to 128 characters", minLength=8, maxLength=128)


class BootstrapBody(RequestBody):
    """The one-time token, and who the first superadmin is to be."""

    token: str
    email: str = email()
    password: str = new_password()


class LogInBody(RequestBody):
    """What a person signs in with."""

    email: str
    password: str = described(maxLength=128)
    code: str = Field(
        default="",
        max_length=64,
        description="of the second factor: six digits, or a recovery code; once it is asked for",
    )


class MyChangesBody(RequestBody):
    """What is to change; absent: it stays."""

    name: str | None = Field(
        default=None,
        description="1 to 100 visible characters on one line; empty: none",
        json_schema_extra={"maxLength": 100},
    )


class NewApiKeyBody(RequestBody):
    """A key to be made. Without `scopes` auth decides; without `expires_at` it lives until it is revoked."""

    name: str = described("1 to 100 visible characters on one line", minLength=1, maxLength=100)
    scopes: list[str] = Field(
        default=[],
        max_length=100,
        description="none of them that the caller does not hold; none at all: those that he holds",
        json_schema_extra={"items": {"type": "string", "enum": _SCOPES}},
    )
    expires_at: Instant | None = Field(default=None, description="in the future; null or absent: never")


class SecondFactorBody(RequestBody):
    """What a sign-in through a provider still lacks."""

    challenge: str = described("of the fragment that the sign-in ended with", maxLength=64)
    code: str = described("of the second factor: six digits, or a recovery code", maxLength=64)


class OidcStartQuery(Query):
    """Where to go after a sign-in."""

    return_to: OptionalText = Field(
        default=None,
        description="a path of this very origin, without a fragment; `/` if not given",
        max_length=1024,
    )
    accepted_terms_version: OptionalText = Field(
        default=None,
        description="of the terms that `GET /v1/auth/config` names; without it nobody new gets an account",
        max_length=64,
    )


class OidcReturnQuery(BaseModel):
    """What a provider sends the browser back with; it may say more, and is not asked why."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    state: OptionalText = Field(default=None, description="as it was sent to the provider", max_length=512)
    code: OptionalText = Field(default=None, description="for tokens", max_length=4096)
    error: OptionalText = Field(default=None, description="in place of a code", max_length=512)
    iss: OptionalText = Field(default=None, description="the provider's issuer (RFC 9207)", max_length=2048)


class UserView(View):
    """An account."""

    user_id: Id
    email: str
    role: str = one_of(ROLES)
    created_at: datetime | None
    suspended: bool
    verified: bool = described("the address was shown to be his own")
    second_factor: bool = described("one is confirmed")
    name: str = described("as he wants to be called; empty if he did not say")

    @classmethod
    def of(cls, user: pb.User) -> UserView:
        """From auth's message."""
        return cls(**_user_fields(user))


class MeView(UserView):
    """The caller's own account, and what this credential of his may do."""

    scopes: list[str] = described(items={"type": "string", "enum": _SCOPES})
    second_factor_required: bool = described("an operator's scopes are kept back until he signs in with one")
    csrf_token: str | None = Field(description="of this session, for X-CSRF-Token; null for an API key")

    @classmethod
    def about(cls, user: pb.User, access: Access) -> MeView:
        """From auth's message and the credential's access."""
        return cls(
            **_user_fields(user),
            scopes=sorted(access.scopes),
            second_factor_required=access.second_factor_required,
            csrf_token=access.csrf_token or None,
        )


class LogInView(View):
    """A session that began; its secret is in the cookie."""

    user: UserView
    csrf_token: str
    expires_at: datetime

    @classmethod
    def of(cls, answer: pb.LogInResponse) -> LogInView:
        """From auth's message."""
        return cls(
            user=UserView.of(answer.user),
            csrf_token=answer.csrf_token,
            expires_at=present_timestamp(answer, "expires_at"),
        )


class ApiKeyView(View):
    """A key, without its secret."""

    key_id: Id
    name: str
    prefix: str = described("what the key begins with, after `tsk_`", pattern="^[a-z2-7]{8}$")
    scopes: list[str] = described(items={"type": "string", "enum": _SCOPES})
    created_at: datetime | None
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, key: pb.ApiKey) -> ApiKeyView:
        """From auth's message."""
        return cls(
            key_id=key.key_id,
            name=key.name,
            prefix=key.prefix,
            scopes=list(key.scopes),
            created_at=timestamp(key, "created_at"),
            expires_at=timestamp(key, "expires_at"),
            last_used_at=timestamp(key, "last_used_at"),
        )


class IdentityView(View):
    """A provider's account that signs in to this one."""

    provider: str
    subject: str = described("the provider's name for him; it never changes")
    email: str = described("as the provider told it at the last sign-in")
    linked_at: datetime
    last_used_at: datetime

    @classmethod
    def of(cls, identity: pb.Identity) -> IdentityView:
        """From auth's message."""
        return cls(
            provider=identity.provider,
            subject=identity.subject,
            email=identity.email,
            linked_at=present_timestamp(identity, "linked_at"),
            last_used_at=present_timestamp(identity, "last_used_at"),
        )


class NewApiKeyView(View):
    """A key that was made. `secret` is shown this once; on an idempotent replay it is empty."""

    key: ApiKeyView
    secret: str = described(pattern="^(tsk_[a-z2-7]{8}_[0-9A-Za-z]{32}_[a-z2-7]{7})?$")


def _user_fields(user: pb.User) -> dict[str, Any]:
    return {
        "user_id": user.user_id,
        "email": user.email,
        "role": ROLES.get(user.role, UNKNOWN),
        "created_at": timestamp(user, "created_at"),
        "suspended": user.suspended,
        "verified": user.verified,
        "second_factor": user.second_factor,
        "name": user.name,
    }
