"""What a password may be. How it is hashed: adapters/argon2_pool.py."""

import unicodedata
from typing import Final

from tseeder_kit.errors import FieldError, invalid

MIN_CHARS: Final = 8
MAX_CHARS: Final = 128  # far beyond any passphrase; hashing a megabyte would be a gift to whoever floods us


def check_new_password(text: str) -> str:
    """The password in the form that is hashed; raises INVALID `password_too_long` or `password_too_short`."""
    prepared = prepare_password(text)
    if len(text) < MIN_CHARS:
        message = f"A password has at least {MIN_CHARS} characters."
        raise invalid("password_too_short", message, fields=[FieldError("password", "password_too_short", message)])
    return prepared


def prepare_password(text: str) -> str:
    """The form that is hashed: NFKC, so that it does not matter which keyboard composed it (NIST SP 800-63B).

    Raises INVALID `password_too_long` before anything is done with the text.
    """
    if len(text) > MAX_CHARS:
        message = f"A password has at most {MAX_CHARS} characters."
        raise invalid("password_too_long", message, fields=[FieldError("password", "password_too_long", message)])
    return unicodedata.normalize("NFKC", text)
