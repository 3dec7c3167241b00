"""Content-Disposition (RFC 6266) with a name as a torrent gives it, which is to say: a stranger's bytes."""

from __future__ import annotations

import unicodedata
from typing import Final
from urllib.parse import quote

FALLBACK_NAME: Final = "download"
MAX_NAME_BYTES: Final = 200

_MAX_SUFFIX_CHARS: Final = 16
_ATTR_CHARS: Final = "!#$&+-.^_`|~"  # RFC 8187, beside letters and digits
_NOT_IN_FALLBACK: Final = frozenset('"\\%')  # quoted wrongly, or decoded, by some browsers (RFC 6266, appendix D)
_FORBIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})  # controls, direction marks, surrogates


def content_disposition(name: str, *, inline: bool) -> str:
    """The header's value: ASCII, in one line, with the true name in `filename*` where ASCII cannot say it."""
    safe = safe_name(name)
    ascii_name = safe_name(_ascii(safe))  # again: the plain forms of some characters are separators and dots
    value = f'{"inline" if inline else "attachment"}; filename="{ascii_name}"'
    if ascii_name == safe:
        return value
    return f"{value}; filename*=UTF-8''{quote(safe, safe=_ATTR_CHARS)}"


def safe_name(name: str) -> str:
    """The name without separators, controls and marks that turn the text's direction; never empty, `.` or `..`."""
    kept = "".join("_" if _forbidden(char) else char for char in name)
    trimmed = _shortened(kept.strip(" ").rstrip(". "))
    return trimmed if trimmed.strip("._ ") else FALLBACK_NAME


def _forbidden(char: str) -> bool:
    return char in "/\\" or unicodedata.category(char) in _FORBIDDEN_CATEGORIES


def _shortened(name: str) -> str:
    """At most MAX_NAME_BYTES of UTF-8, keeping a short extension."""
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix) > _MAX_SUFFIX_CHARS:
        stem, dot, suffix = name, "", ""
    room = MAX_NAME_BYTES - len((dot + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + suffix


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name)
    kept = "".join(char for char in plain if not unicodedata.combining(char))
    return "".join(char if " " <= char <= "~" and char not in _NOT_IN_FALLBACK else "_" for char in kept)
