"""Accounts that are closed, as auth tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from tseeder_kit.errors import AppError, forbidden


class Closed(StrEnum):
    """Why an account is closed."""

    SUSPENDED = "suspended"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """One event of auth's feed that matters here; None: the account is open again."""

    user_id: UUID
    closed: Closed | None


def account_closed(closed: Closed) -> AppError:
    """FORBIDDEN `account_suspended`, `account_deleted`: of who still holds an identity from before."""
    if closed is Closed.DELETED:
        return forbidden("account_deleted", "This account was deleted.")
    return forbidden("account_suspended", "This account is suspended.")
