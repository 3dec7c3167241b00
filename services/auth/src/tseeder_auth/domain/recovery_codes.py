"""Recovery codes: what opens an account once when its authenticator is lost. Only their SHA-256 is stored."""

import base64
import hashlib
import secrets
from typing import Final
from uuid import UUID

COUNT: Final = 10
_BYTES: Final = 10  # 80 bits: nobody searches those, so no slow hash is needed
_GROUP: Final = 4


def new_codes() -> tuple[str, ...]:
    """Ten of them, in base32, in groups that can be read aloud: `abcd-efgh-ijkl-mnop`."""
    return tuple(_grouped(base64.b32encode(secrets.token_bytes(_BYTES)).decode().lower()) for _ in range(COUNT))


def code_hash(user_id: UUID, typed: str) -> bytes:
    """What is stored; the same however it is grouped, and in either case."""
    return hashlib.sha256(user_id.bytes + plain(typed).lower().encode()).digest()


def plain(typed: str) -> str:
    """A code without the blanks and hyphens that people type."""
    return "".join(typed.split()).replace("-", "")


def is_totp(typed: str) -> bool:
    """Whether it is the code of an authenticator: six digits."""
    code = plain(typed)
    return len(code) == 6 and code.isascii() and code.isdigit()


def _grouped(text: str) -> str:
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))
