"""Pages of lists: how many rows, what is searched for, and cursors that only their own list takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from tseeder_jobs.adapters.crypto import Keyring
from tseeder_kit import cursor
from tseeder_kit.cursor import Value
from tseeder_kit.errors import invalid

MAX_TEXT_CHARS: Final = 255


def page_size(limit: int, default: int, largest: int) -> int:
    """INVALID `bad_limit` unless it is 1 to `largest`, or 0 for the default."""
    if not 0 <= limit <= largest:
        raise invalid("bad_limit", f"limit must be 1 to {largest}.")
    return limit or default


def searched(text: str) -> str:
    """INVALID `bad_text` for a text that no name can hold."""
    if len(text) > MAX_TEXT_CHARS or "\0" in text:
        raise invalid("bad_text", f"text must be at most {MAX_TEXT_CHARS} characters, without NUL.")
    return text


class List:
    """One list with its filters: a cursor of another one is refused like a forged one. They stand in it by their
    digest: a folder's path may be longer than a cursor."""

    def __init__(self, keyring: Keyring, purpose: str, filters: Sequence[str]) -> None:
        self._key = cursor.derive_key(keyring.derived("cursors"), purpose)
        self._filters = hashlib.sha256(json.dumps(filters).encode()).hexdigest()[:32]

    def cursor(self, last: Value) -> str:
        """After the row `last`."""
        return cursor.encode(self._key, [self._filters, last])

    def position(self, text: str) -> Value | None:
        """The row after which a page begins; None: at the first. INVALID `bad_cursor` if this list did not make it."""
        if not text:
            return None
        filters, last = cursor.decode(self._key, text)
        if filters != self._filters:
            raise invalid("bad_cursor", "The cursor is not one that this list gave out.")
        return last
