"""What kind of file its first bytes say it is."""

from __future__ import annotations

from typing import Final

import puremagic

LOOKED_AT_BYTES: Final = 4096
_NAMES: Final = {
    "application/x-gzip": "application/gzip",
    "application/x-rar-compressed": "application/vnd.rar",
    "audio/wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/x-matroska": "video/x-matroska",
    "audio/x-wav": "audio/wav",
    "image/x-ms-bmp": "image/bmp",
    "video/avi": "video/x-msvideo",
}
"""The library's names for some types, and those of RFCs and of our list. Matroska says only inside what it holds."""
_ZIP: Final = b"PK\x03\x04"
"""Many formats are ZIP archives, and the library takes any for one of them."""


def signature_type(start: bytes) -> str:
    """The media type of a file that begins with `start`; "" if nobody knows it."""
    if start.startswith(_ZIP):
        return "application/zip"
    try:
        found = puremagic.from_string(start, mime=True)
        return _NAMES.get(found, found)
    except (puremagic.PureError, ValueError):  # ValueError: no bytes at all
        return ""
