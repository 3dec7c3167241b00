"""What a user must hold to make a call."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from tseeder_kit.errors import forbidden
from tseeder_rpc import Principal, current_principal

OPERATORS: Final = {"admin:read": ("support", "admin", "superadmin"), "admin:write": ("admin", "superadmin")}


def require(scope: str) -> Principal:
    """The calling user. FORBIDDEN `scope_missing` unless he holds `scope`."""
    principal = current_principal()
    if scope not in principal.scopes:
        raise forbidden("scope_missing", f"This needs the scope {scope}.", scope=scope)
    return principal


def user(scope: str) -> UUID:
    """The calling user's id, as `require`."""
    return require(scope).user_id


def operator(scope: str) -> Principal:
    """The calling operator, as `require`; FORBIDDEN `role_too_low` for a role that has no such scope."""
    principal = require(scope)
    if principal.role not in OPERATORS[scope]:
        raise forbidden("role_too_low", "This needs an operator's role.", role=OPERATORS[scope][0])
    return principal
