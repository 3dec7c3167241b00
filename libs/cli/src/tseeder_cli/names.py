"""Names from torrents are hostile: what they may become on a disk, and on a screen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

LONGEST_ELEMENT_BYTES = 240  # most file systems allow 255; `.part` and a number must fit behind
DEEPEST = 32

_SEPARATORS = re.compile(r'[/\\<>:"|?*]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, direction marks, surrogates, line separators
_JOINERS = frozenset("\u200c\u200d")  # are of class Cf too, but Persian and emoji are written with them


def printable(text: str) -> str:
    """`text` without what could move the cursor, colour the terminal or turn the line around."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_invisible(char) else char for char in text)


def safe_element(name: str) -> str:
    """`name` as the name of one file or folder: no separators, no control characters, not hidden, not reserved.

    The result is never empty, `.` or `..`, and at most 240 bytes of UTF-8.
    """
    name = unicodedata.normalize("NFC", name)
    name = "".join("_" if _is_invisible(char) else char for char in name)
    name = _SEPARATORS.sub("_", name).strip()
    name = name.rstrip(". ")
    if name.startswith("."):
        name = "_" + name[1:]
    if not name or _RESERVED.fullmatch(name):
        name = f"_{name}"
    return _shortened(name)


def safe_path(path: Sequence[str]) -> tuple[str, ...]:
    """A torrent's path as elements that stay below the folder they are put in; at least one, at most 32."""
    elements = [safe_element(element) for element in path if element] or ["_"]
    if len(elements) > DEEPEST:
        elements = [*elements[: DEEPEST - 1], elements[-1]]
    return tuple(elements)


class Places:
    """Gives each file of a job a place of its own below `folder`, the same in each run for the same order of files.

    Names that become equal, or that a case-folding file system holds for equal, get a number.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def place(self, path: Sequence[str]) -> Path:
        """Where the file that its torrent calls `path` goes."""
        elements = self._free(list(safe_path(path)))
        folded = [element.casefold() for element in elements]
        self._files.add("/".join(folded))
        self._folders.update("/".join(folded[:depth]) for depth in range(1, len(folded)))
        return self._folder.joinpath(*elements)

    def _free(self, elements: list[str]) -> list[str]:
        """`elements`, with numbers where a folder would be a file of before, or the file one of before."""
        chosen: list[str] = []
        for depth, element in enumerate(elements, start=1):
            is_file = depth == len(elements)
            number = 1
            while self._taken([*chosen, _numbered(element, number)], is_file=is_file):
                number += 1
            chosen.append(_numbered(element, number))
        return chosen

    def _taken(self, elements: list[str], *, is_file: bool) -> bool:
        key = "/".join(element.casefold() for element in elements)
        return key in self._files or (is_file and key in self._folders)


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char) in _INVISIBLE and char not in _JOINERS


def _numbered(element: str, number: int) -> str:
    if number == 1:
        return element
    stem, dot, extension = element.rpartition(".")
    if not stem or len(extension) > 10:
        stem, dot, extension = element, "", ""
    return f"{stem} ({number}){dot}{extension}"


def _shortened(name: str) -> str:
    """At most 240 bytes, keeping a short extension."""
    if len(name.encode()) <= LONGEST_ELEMENT_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > 20:
        stem, dot, extension = name, "", ""
    room = LONGEST_ELEMENT_BYTES - len((dot + extension).encode())
    kept = stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ")
    return f"{kept}{dot}{extension}"
