"""In which of the world's many ways a file of subtitles is written."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import Final

from charset_normalizer import from_bytes

LOOKED_AT: Final = 64 * 1024
FALLBACK: Final = "cp1252"
_BOMS: Final = ((BOM_UTF8, "utf-8-sig"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16"))
_LIKELY: Final = (
    *("cp1252", "cp1250", "cp1251", "cp1254", "cp1253", "cp1255", "cp1256", "cp874"),
    *("koi8_r", "cp932", "euc_jp", "gb18030", "big5", "cp949"),
)
"""Those that subtitles are written in, the more usual one first where two are as likely."""


def decoded(data: bytes) -> str:
    """Its text; what is written in no way that is known gets marks where letters are not."""
    for bom, name in _BOMS:
        if data.startswith(bom):
            return data.decode(name, errors="replace")
    wide = _wide(data[:LOOKED_AT])
    if wide:
        return data.decode(wide, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(_guessed(data), errors="replace")


def _guessed(data: bytes) -> str:
    """By its letters: the lines without any that tells, times and plain English, say nothing."""
    telling = b"\n".join(line for line in data.splitlines() if not line.isascii())[:LOOKED_AT]
    found = from_bytes(telling, cp_isolation=list(_LIKELY), enable_fallback=False)
    best = found.best()
    if best is None:
        return FALLBACK
    near = [each for each in found if each.chaos <= best.chaos + 0.02 and each.coherence >= best.coherence - 0.05]
    return min((each.encoding for each in near), key=_LIKELY.index, default=best.encoding)


def _wide(start: bytes) -> str:
    """UTF-16 without a mark at its beginning: the other half of digits and line ends is 0."""
    if start[1::2].count(0) * 4 > len(start) // 2:
        return "utf-16-le"
    return "utf-16-be" if start[0::2].count(0) * 4 > len(start) // 2 else ""
