"""What tseeder mails to people, and how often it tries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from uuid import UUID

Purpose: TypeAlias = Literal["verify", "reset"]
"""What a mailed token is good for."""
Security: TypeAlias = Literal["starttls", "tls", "plain"]

_DOUBLINGS: Final = 30


class MailKind(StrEnum):
    """One template each."""

    VERIFY = "verify"
    ALREADY_REGISTERED = "already_registered"
    RESET = "reset"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 (no password)
    FACTOR_ON = "factor_on"
    FACTOR_OFF = "factor_off"
    IDENTITY_LINKED = "identity_linked"
    ACCOUNT_DELETED = "account_deleted"


@dataclass(frozen=True, slots=True)
class TokenRule:
    """The token in a mail."""

    purpose: Purpose
    lifetime: timedelta  # from the mail's sending


TOKENS: Final[Mapping[MailKind, TokenRule]] = MappingProxyType(
    {
        MailKind.VERIFY: TokenRule("verify", timedelta(hours=24)),
        MailKind.RESET: TokenRule("reset", timedelta(minutes=30)),
    }
)
"""Mails of other kinds hold none."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A row of the outbox that was claimed; `attempts` counts the one that is under way."""

    mail_id: UUID
    kind: MailKind
    user_id: UUID | None
    address: str
    attempts: int
    pending_id: UUID | None = None  # the registration that it is about


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it is sent: `recipient` is an address for the envelope, `mail_id` the same at every try."""

    mail_id: UUID
    recipient: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Server:
    """The mail server, and who we are to it: `sender` stands in From, `seconds` is how long one letter may take."""

    host: str
    port: int
    security: Security
    username: str
    password: str = field(repr=False)
    ca_file: Path | None
    sender: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Retries:
    """After a try that failed the next one waits `first`, then twice as long each time, up to `longest`."""

    first: timedelta
    longest: timedelta

    def wait_after(self, attempts: int) -> timedelta:
        """How long to wait after this many tries, one or more."""
        doublings: int = 2 ** min(attempts - 1, _DOUBLINGS)
        return min(self.longest, self.first * doublings)
