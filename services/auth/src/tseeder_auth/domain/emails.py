"""E-mail addresses: shown as typed, unique without regard to how Unicode writes the same letters."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from tseeder_auth.domain.text import has_hidden
from tseeder_kit.errors import AppError, FieldError, invalid

MAX_CHARS: Final = 254  # RFC 5321, the path of 256 without its brackets
MAX_LOCAL_CHARS: Final = 64

# Not RFC 5322 whole: no quoted local parts, no comments, no address literals. Nobody signs up with those.
_SHAPE: Final = re.compile(r"[^\s@\"(),:;<>\[\]\\]+@[^\s@\"(),:;<>\[\]\\.]+(\.[^\s@\"(),:;<>\[\]\\.]+)*")


@dataclass(frozen=True, slots=True)
class Email:
    """`shown` is as typed; two addresses are the same if their `key`s are."""

    shown: str
    key: str


def parse_email(text: str) -> Email:
    """An address; raises INVALID `bad_email`.

    The key is NFKC and case-folded until stable (as in Unicode's NFKC_Casefold), with the domain in IDNA, so that
    full-width, ligature, Kelvin-sign and punycode twins of an address collide with it.
    """
    if len(text) > MAX_CHARS:
        raise _bad_email()
    shown = text.strip()
    _check_shape(shown)
    folded = fold(shown)
    _check_shape(folded)
    local, _, domain = folded.partition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _bad_email() from None
    return Email(shown, f"{local}@{ascii_domain}")


def for_envelope(email: Email) -> str:
    """What a mail server is told: the local part as typed, since it is the other server's to understand, the domain in
    ASCII."""
    return f"{email.shown.rpartition('@')[0]}@{email.key.rpartition('@')[2]}"


def fold(text: str) -> str:
    """NFKC and case folding until stable: equal for texts that differ only in how Unicode writes them."""
    for _ in range(3):
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        if folded == text:
            break
        text = folded
    return text


def _check_shape(text: str) -> None:
    local = text.partition("@")[0]
    if len(text) > MAX_CHARS or len(local) > MAX_LOCAL_CHARS or has_hidden(text) or not _SHAPE.fullmatch(text):
        raise _bad_email()


def _bad_email() -> AppError:
    message = "This is not an e-mail address."
    return invalid("bad_email", message, fields=[FieldError("email", "bad_email", message)])
