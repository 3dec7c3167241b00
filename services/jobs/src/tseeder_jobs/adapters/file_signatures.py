"""What kind of file its first bytes say it is."""

from __future__ import annotations

from typing import Final

import puremagic

LOOKED_AT_BYTES: Final = 4096


def signature_type(start: bytes) -> str:
    """The media type of a file that begins with `start`, as the library names it; "" if it knows none."""
    try:
        return puremagic.from_string(start, mime=True)
    except (puremagic.PureError, ValueError):  # ValueError: no bytes at all
        return ""
