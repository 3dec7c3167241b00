"""What a user may call a job."""

from __future__ import annotations

import unicodedata
from typing import Final

from tseeder_kit.errors import AppError, FieldError, invalid

MAX_NAME_CHARS: Final = 255

_CONTROLS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNS: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def job_name(text: str) -> str:
    """`text` in NFC (so that what looks the same is the same), trimmed; "" stands for the torrent's own name.

    What a terminal or a page could take for a command is refused, bidirectional overrides too. INVALID `bad_name`.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if len(name) > MAX_NAME_CHARS:
        raise _bad(f"A name has {MAX_NAME_CHARS} characters at most.")
    if any(unicodedata.category(char) in _CONTROLS or unicodedata.bidirectional(char) in _TURNS for char in name):
        raise _bad("A name has no control characters.")
    return name


def _bad(message: str) -> AppError:
    return invalid("bad_name", message, fields=(FieldError("name", "bad_name", message),))
