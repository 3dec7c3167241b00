"""The order in which people look for files: `2.mkv` before `10.mkv`, `a` beside `A`, what is in a folder together, and
folders before the files beside them.

It is total, and the same for the same paths whatever order they come in: where two names differ in case, form or
leading zeros only, their code points decide. A folder's files, at any depth, follow one another: a folder is a range
of ranks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

_NUMBER: Final = re.compile(r"\d+")  # in any script: Unicode's decimal digits
_NUMBER_MARK: Final = "\x01"  # numbers come before letters
_SHORTEST: Final = 0x20
_FOLDER, _FILE, _END = "\x00", "\x01", "\x00"  # names hold no NUL


class Place(NamedTuple):
    """Where a file is in its torrent's natural order: `rank` counts from 0 without a gap, `shared_folders` is how many
    folders, from the outermost on, its path has in common with that of the file before it (0 for the first)."""

    rank: int
    shared_folders: int


def natural_places(paths: Sequence[Sequence[str]]) -> list[Place]:
    """The places of a torrent's paths, in the order in which the paths are given.

    The paths differ, and none is a folder of another (`domain.paths`).
    """
    folders: dict[str, str] = {}
    keys = [_path_key(path, folders) for path in paths]
    order = sorted(range(len(paths)), key=keys.__getitem__)
    places = [Place(0, 0)] * len(paths)
    before: Sequence[str] = ()
    for rank, index in enumerate(order):
        path = paths[index]
        places[index] = Place(rank, _shared_folders(before, path))
        before = path
    return places


def natural_key(name: str) -> str:
    """What a name is compared by, before its code points: without case and Unicode form, numbers by their value."""
    if name.isascii():
        folded = name.lower()
    else:
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    return _NUMBER.sub(_number_key, folded)


def _number_key(found: re.Match[str]) -> str:
    """Of two numbers without leading zeros the longer one is the larger. A name has 1,024 bytes, and so digits."""
    digits = found[0].lstrip("0") if found[0].isascii() else str(int(found[0])).lstrip("0")
    return f"{_NUMBER_MARK}{chr(_SHORTEST + len(digits))}{digits}"


def _path_key(path: Sequence[str], folders: dict[str, str]) -> str:
    """Element by element: folder or file, what it is compared by, its code points. So equal beginnings of two keys are
    the same folder. `folders` keeps the keys of folders' names, which come again and again."""
    parts = []
    for name in path[:-1]:
        key = folders.get(name)
        if key is None:
            key = folders[name] = f"{_FOLDER}{natural_key(name)}{_END}{name}{_END}"
        parts.append(key)
    parts.append(f"{_FILE}{natural_key(path[-1])}{_END}{path[-1]}")
    return "".join(parts)


def _shared_folders(one: Sequence[str], other: Sequence[str]) -> int:
    most = min(len(one), len(other)) - 1
    for depth in range(most):
        if one[depth] != other[depth]:
            return depth
    return max(most, 0)
