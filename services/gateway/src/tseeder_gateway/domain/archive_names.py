"""Names of an archive's entries, from paths as a torrent gives them: a stranger's words, which unpacking programs of
every system will take for places on a disk.

| what a path may have | what becomes of it |
|---|---|
| `..`, `.`, "", a leading or closing slash | `_` |
| `/ \\ : * ? " < > \\|`, controls, marks of direction, surrogates | `_` each: no drive, stream or root is named |
| dots and blanks at the end of an element | taken away: Windows does so by itself, and then names are equal |
| names of Windows' devices (`nul.txt`) | a `_` in front |
| elements of more than 200 bytes, paths of more than 1,000 | shortened; outer folders go first |
| names that are equal, or but for case or Unicode form, or a file and a folder of one name | a number: `film (2).mkv` |
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

MAX_ELEMENT_BYTES: Final = 200
MAX_NAME_BYTES: Final = 1000
"""Some systems (macOS) take 1,024 bytes at most."""
DEEPEST: Final = 32

_ROOM_FOR_NUMBERS: Final = 10 * DEEPEST

_BLANK: Final = "_"
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .()\[\]+=,;!@#$%&'~^{}`-]{0,150}[A-Za-z0-9_)\]]", re.ASCII)
_FORBIDDEN: Final = re.compile(r'[/\\:*?"<>|]')
_FORBIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS: Final = frozenset("\u200c\u200d")  # of class Cf, too, but Persian and emoji are written with them
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\..*)?", re.IGNORECASE)
_MAX_EXTENSION_BYTES: Final = 20


def safe_element(text: str) -> str:
    """`text` as the name of one file or folder, on any system: NFC, 1 to MAX_ELEMENT_BYTES bytes of UTF-8."""
    if not _PLAIN.fullmatch(text):
        text = "".join(_BLANK if _forbidden(char) else char for char in unicodedata.normalize("NFC", text))
        text = _shortened(_FORBIDDEN.sub(_BLANK, text), MAX_ELEMENT_BYTES - 1).rstrip(". ")
    if not text or _DEVICE.fullmatch(text):
        text = _BLANK + text
    return text


class ArchiveNames:
    """Gives each file a name that no other one has, the same for the same files in the same order."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._places: dict[str, str] = {}  # of folders, by what they would be called without the others
        self._numbers: dict[str, int] = {}  # of files, likewise: up to which number names are taken

    def name(self, path: Sequence[str]) -> str:
        """The name, with slashes, of the file that its torrent calls `path`."""
        *folders, last = [safe_element(element) for element in path] or [_BLANK]
        place = ""
        for folder in _fitting(folders, last):
            place = self._folder(place + folder)
        return self._file(place + last)

    def _folder(self, wanted: str) -> str:
        """Its name and a slash. Whoever wants the same folder, but for case or Unicode form, is put into the same."""
        key = _folded(wanted)
        place = self._places.get(key)
        if place is None:
            name, number = wanted, 1
            while _folded(name) in self._files:
                number += 1
                name = _numbered(wanted, number)
            self._folders.add(_folded(name))
            place = self._places[key] = name + "/"
        return place

    def _file(self, wanted: str) -> str:
        key = _folded(wanted)
        name, number = wanted, self._numbers.get(key, 1)
        taken = key
        while taken in self._files or taken in self._folders:
            number += 1
            name = _numbered(wanted, number)
            taken = _folded(name)
        if number > 1:
            self._numbers[key] = number
        self._files.add(taken)
        return name


def _fitting(folders: list[str], last: str) -> list[str]:
    """The inner ones of them, as many as a name has room for."""
    room = MAX_NAME_BYTES - _ROOM_FOR_NUMBERS - len(last.encode())
    kept: list[str] = []
    for folder in reversed(folders[1 - DEEPEST :]):
        room -= len(folder.encode()) + 1
        if room < 0:
            break
        kept.insert(0, folder)
    return kept


def _forbidden(char: str) -> bool:
    return unicodedata.category(char) in _FORBIDDEN_CATEGORIES and char not in _JOINERS


def _folded(name: str) -> str:
    """Equal for names that some file system takes for the same."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _numbered(name: str, number: int) -> str:
    """`a/film.mkv` -> `a/film (2).mkv`."""
    place, slash, element = name.rpartition("/")
    stem, extension = _split(element)
    return f"{place}{slash}{stem} ({number}){extension}"


def _shortened(name: str, limit: int) -> str:
    """At most `limit` bytes, keeping a short extension."""
    if len(name.encode()) <= limit:
        return name
    stem, extension = _split(name)
    room = limit - len(extension.encode())
    return stem.encode()[:room].decode(errors="ignore") + extension


def _split(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > _MAX_EXTENSION_BYTES:
        return name, ""
    return stem, dot + extension
