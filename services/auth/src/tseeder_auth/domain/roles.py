"""Roles, what each may do (scopes), and who is calling."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from tseeder_kit.errors import forbidden, invalid


class Role(StrEnum):
    """What a user is, lowest first."""

    USER = "user"
    SUPPORT = "support"
    ADMIN = "admin"
    SUPERADMIN = "superadmin"

    @property
    def rank(self) -> int:
        """0 for a user; rises with power."""
        return _RANKS[self]


_RANKS: Final = MappingProxyType({role: rank for rank, role in enumerate(Role)})

_ACCOUNT: Final = ("me:read", "me:write")
_OWN: Final = ("jobs:read", "jobs:write", "files:read", "files:write", *_ACCOUNT)

SCOPES: Final[Mapping[Role, tuple[str, ...]]] = MappingProxyType(
    {
        Role.USER: _OWN,
        Role.SUPPORT: (*_OWN, "admin:read"),
        Role.ADMIN: (*_OWN, "admin:read", "admin:write"),
        Role.SUPERADMIN: (*_OWN, "admin:read", "admin:write"),
    }
)
ALL_SCOPES: Final = SCOPES[Role.SUPERADMIN]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the verified identity token says."""

    user_id: UUID
    role: Role
    scopes: frozenset[str]
    session_id: UUID | None = None  # None: by an API key

    def require_session(self) -> UUID:
        """The session; raises FORBIDDEN `session_needed` for an API key, which nobody sits behind."""
        if self.session_id is None:
            raise forbidden("session_needed", "This needs a session; an API key does not do.")
        return self.session_id

    def require(self, scope: str) -> None:
        """Raises FORBIDDEN `scope_missing` unless the caller holds `scope`."""
        if scope not in self.scopes:
            raise forbidden("scope_missing", f"This needs the scope {scope}.", scope=scope)

    def require_role(self, least: Role) -> None:
        """Raises FORBIDDEN `role_too_low` for a caller below `least`."""
        if self.role.rank < least.rank:
            raise forbidden("role_too_low", f"This needs the role {least}.", role=str(least))

    def require_power_over(self, user_id: UUID, role: Role) -> None:
        """Raises FORBIDDEN `own_account` for himself, `role_too_high` for whoever is not below him: of equals only
        superadmins act on each other.
        """
        if user_id == self.user_id:
            raise forbidden("own_account", "This cannot be done to one's own account.")
        if self.role is not Role.SUPERADMIN and role.rank >= self.role.rank:
            raise forbidden("role_too_high", "This account's role is not below your own.", role=str(role))


def in_order(scopes: Iterable[str]) -> tuple[str, ...]:
    """Known scopes in their usual order, each once; what is not known falls out."""
    held = set(scopes)
    return tuple(scope for scope in ALL_SCOPES if scope in held)


def effective(role: Role, granted: Iterable[str]) -> tuple[str, ...]:
    """What a key that was granted these scopes may do now: never more than its owner's role."""
    return in_order(set(granted) & set(SCOPES[role]))


def without_factor(role: Role, scopes: tuple[str, ...], *, by_session: bool) -> tuple[str, ...]:
    """What is left to somebody without a second factor, where operators need one.

    An operator's session keeps his own account, so that he can get one; his key loses what is an operator's only.
    """
    if role is Role.USER:
        return scopes
    if by_session:
        return tuple(scope for scope in scopes if scope in _ACCOUNT)
    return tuple(scope for scope in scopes if not scope.startswith("admin:"))


def granted_scopes(wanted: Iterable[str], held: frozenset[str]) -> tuple[str, ...]:
    """The scopes of a new key: those wanted, or all that the caller holds if none are named.

    Raises INVALID `unknown_scope`, and FORBIDDEN `scope_escalation` for one that the caller does not hold.
    """
    asked = set(wanted)
    unknown = sorted(asked - set(ALL_SCOPES))
    if unknown:
        raise invalid("unknown_scope", "There is no such scope.", known=" ".join(ALL_SCOPES))
    if asked - held:
        raise forbidden("scope_escalation", "A key cannot do more than the one who makes it.")
    return in_order(asked or held)
