"""Links: what one may be, and when it is worn out."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_kit.errors import AppError, FieldError, forbidden, invalid, not_found, unauthenticated
from tseeder_kit.throttle import Policy

USUAL: Final = timedelta(days=7)
LONGEST: Final = timedelta(days=365)
LARGEST_LIMIT: Final = 1_000_000
RESUMED_FOR: Final = timedelta(hours=24)
"""So long after its last download a spent link still gives what does not begin a new one."""

PREFIX_CHARS: Final = 6
"""Of 43: by which its owner tells it from others."""

MIN_PASSWORD_CHARS: Final = 8
MAX_PASSWORD_CHARS: Final = 128

GUESSING: Final = Policy(
    free_failures=5, first_wait=timedelta(seconds=1), longest_wait=timedelta(minutes=5), forget=timedelta(hours=1)
)
"""Of a link's password: a few hundred guesses a day, and who knows it waits for minutes at most while others guess."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the links of one request have in common. `password` is in the form that is hashed; "": none."""

    expires_at: datetime | None
    download_limit: int | None
    password: str = field(repr=False)
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link as its owner sees it."""

    link_id: UUID
    file_id: UUID
    job_id: UUID
    path: list[str]
    token_prefix: str
    has_password: bool
    download_limit: int | None
    downloads: int
    last_counted_at: datetime | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class HeldLink:
    """A link as it is for who holds its token. `spent`: there is nothing more to resume either."""

    link_id: UUID
    user_id: UUID
    file_id: UUID
    password_hash: str | None = field(repr=False)
    limited: bool
    spent: bool


def link_not_found() -> AppError:
    """No such link, another user's, one that ended, or one whose file is gone: told alike."""
    return not_found("link_not_found", "There is no such link.")


def link_spent() -> AppError:
    """It has been downloaded as often as it may."""
    return forbidden("link_spent", "This link has been downloaded as often as it may be.")


def password_required() -> AppError:
    """None was given, or a wrong one."""
    return unauthenticated("link_password_required", "This link opens with its password.")


def expiry(asked: datetime | None, now: datetime) -> datetime:
    """When a new link expires. INVALID `expires_at_past`, `expires_at_too_late`."""
    if asked is None:
        return now + USUAL
    if asked <= now:
        raise _wrong("expires_at", "expires_at_past", "expires_at must be in the future.")
    if asked > now + LONGEST:
        raise _wrong("expires_at", "expires_at_too_late", f"A link lives for {LONGEST.days} days at most.")
    return asked


def download_limit(asked: int | None) -> int | None:
    """INVALID `bad_download_limit`."""
    if asked is not None and not 1 <= asked <= LARGEST_LIMIT:
        raise _wrong("download_limit", "bad_download_limit", f"A limit of downloads is 1 to {LARGEST_LIMIT}.")
    return asked


def new_password(text: str | None) -> str:
    """In the form that is hashed; "" for none. INVALID `password_too_short`, `password_too_long`."""
    if text is None:
        return ""
    if len(text) < MIN_PASSWORD_CHARS:
        message = f"A password has at least {MIN_PASSWORD_CHARS} characters."
        raise _wrong("password", "password_too_short", message)
    if len(text) > MAX_PASSWORD_CHARS:
        message = f"A password has at most {MAX_PASSWORD_CHARS} characters."
        raise _wrong("password", "password_too_long", message)
    return prepared(text)


def prepared(password: str) -> str:
    """NFKC, so that it does not matter which keyboard composed it."""
    return unicodedata.normalize("NFKC", password)


def _wrong(name: str, code: str, message: str) -> AppError:
    return invalid(code, message, fields=(FieldError(name, code, message),))
