"""Ids and secrets. Ids sort by the time they were made (UUIDv7, RFC 9562); secrets and object keys are pure chance."""

import os
import secrets
import time
from typing import Final
from uuid import UUID

_UNIX_MS_BITS: Final = 48
_RAND_A_BITS: Final = 12
_RAND_B_BITS: Final = 62


class _Clock:
    """Milliseconds with a 12 bit counter, so that ids made by one process never go backwards (RFC 9562, method 1)."""

    def __init__(self) -> None:
        self._last_ms = 0
        self._counter = 0

    def tick(self) -> tuple[int, int]:
        now_ms = time.time_ns() // 1_000_000
        if now_ms > self._last_ms:
            self._last_ms = now_ms
            # Starts in the lower half, so that there is room to count up within the millisecond.
            self._counter = secrets.randbits(_RAND_A_BITS - 1)
        else:
            self._counter += 1
            if self._counter >> _RAND_A_BITS:
                self._last_ms += 1
                self._counter = 0
        return self._last_ms, self._counter


_clock = _Clock()


def uuid7() -> UUID:
    """A new id. Ids of one process are strictly ascending. Not for threads other than the event loop's."""
    unix_ms, counter = _clock.tick()
    value = (unix_ms & ((1 << _UNIX_MS_BITS) - 1)) << 80
    value |= 0x7 << 76
    value |= counter << 64
    value |= 0b10 << _RAND_B_BITS
    value |= int.from_bytes(os.urandom(8), "big") & ((1 << _RAND_B_BITS) - 1)
    return UUID(int=value)


def random_token(nbytes: int = 32) -> str:
    """A secret of `nbytes` random bytes, in URL-safe base64 without padding; it never begins with `-`, which a command
    line would take for an option."""
    while (text := secrets.token_urlsafe(nbytes)).startswith("-"):
        pass
    return text


def object_key() -> str:
    """A random S3 key, 160 bits in lower-case hex, with two characters split off so that listings fan out."""
    digits = secrets.token_hex(20)
    return f"{digits[:2]}/{digits[2:]}"
