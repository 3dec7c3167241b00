"""Playlists for media players: extended M3U in UTF-8 (https://datatracker.ietf.org/doc/html/rfc8216#section-4.1)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

MEDIA_TYPE: Final = "application/vnd.apple.mpegurl"
_UNSHOWN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def playlist(name: str, items: Iterable[tuple[str, str]]) -> str:
    """The text of a list called `name`; each item is a title and its URL."""
    lines = ["#EXTM3U", f"#PLAYLIST:{one_line(name)}"]
    for title, url in items:
        lines += [f"#EXTINF:-1,{one_line(title)}", url]  # -1: nobody has measured how long it is
    return "\n".join([*lines, ""])


def one_line(text: str) -> str:
    """A stranger's text without line ends, controls and direction marks: none may begin a line of its own."""
    return "".join(" " if unicodedata.category(char) in _UNSHOWN else char for char in text).strip()
