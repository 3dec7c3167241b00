"""File names of torrents: decoded for eyes, and refused where they could mean a place outside, or two files in one.

No name is ever used as a path here: storage and staging go by ids. They are refused all the same, since users take
them home: a download manager, an archive or a sync program will use them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from tseeder_jobs.domain.bencode import Bvalue, refused

MAX_ELEMENTS: Final = 128
MAX_ELEMENT_BYTES: Final = 1024
MAX_PATH_BYTES: Final = 4096

_UNDECODED: Final = re.compile("[\udc80-\udcff]")
_DRIVE: Final = re.compile(r"[A-Za-z]:([\\/].*)?", re.DOTALL)


def decode_name(raw: bytes) -> str:
    """UTF-8; in a legacy encoding, which nothing names reliably, each foreign byte becomes `%XX`, so that names stay
    distinct and readable where they are ASCII."""
    text = raw.decode("utf-8", "surrogateescape")
    if text.isascii():
        return text
    return _UNDECODED.sub(lambda found: f"%{ord(found[0]) - 0xDC00:02X}", text)


def element(raw: Bvalue, *, first: bool, **where: object) -> str:
    """One checked element of a path. `where` goes into the error's details."""
    if not isinstance(raw, bytes):
        raise refused("bad_path", "A file's path is not made of strings.", **where)
    if len(raw) > MAX_ELEMENT_BYTES:
        raise refused("name_too_long", f"A file name has more than {MAX_ELEMENT_BYTES} bytes.", **where)
    text = decode_name(raw)
    if text in {".", ".."}:
        raise refused("path_traversal", "A file's path contains '.' or '..'.", **where)
    if first and (not text or text[0] in "/\\" or _DRIVE.fullmatch(text)):
        raise refused("path_absolute", "A file's path is absolute.", **where)
    if "\\" in text:
        raise refused("path_backslash", "A file's path contains a backslash.", **where)
    if not text or "/" in text or "\0" in text:
        raise refused("bad_path", "An element of a file's path is empty, or contains a slash or a NUL.", **where)
    return text


def path_of(raw: Bvalue, **where: object) -> tuple[str, ...]:
    """A checked path from a v1 `path` list."""
    if not isinstance(raw, list) or not raw:
        raise refused("bad_path", "A file has no path.", **where)
    check_depth(len(raw), **where)
    path = tuple([element(part, first=at == 0, **where) for at, part in enumerate(raw)])
    check_length(path, **where)
    return path


def folder_path(text: str) -> tuple[str, ...]:
    """The elements of a folder's path from its text: joined by `/`, which no element holds; "" is the root. What can be
    no path is one that no torrent has."""
    return tuple(text.split("/")) if text else ()


def check_length(path: Sequence[str], **where: object) -> None:
    """Refuse a path of too many bytes."""
    if sum(map(len, path)) > MAX_PATH_BYTES // 4 and len("/".join(path).encode()) > MAX_PATH_BYTES:
        raise refused("name_too_long", f"A file's path has more than {MAX_PATH_BYTES} bytes.", **where)


def check_depth(elements: int, **where: object) -> None:
    """Refuse a path of too many folders."""
    if elements > MAX_ELEMENTS:
        raise refused("path_too_deep", f"A file's path has more than {MAX_ELEMENTS} elements.", **where)


def check_symlink(target: Bvalue, **where: object) -> None:
    """A symlink's target is a path from the torrent's root (BEP 47); it may not lead out of it."""
    if not isinstance(target, list) or not target:
        raise refused("bad_symlink", "A symlink of the torrent has no target.", **where)
    for part in target:
        escapes = not isinstance(part, bytes) or part in {b"", b".", b".."} or any(c in part for c in b"/\\\0")
        if escapes:
            raise refused("symlink_escape", "A symlink of the torrent leads out of it.", **where)


def check_distinct(paths: Iterable[tuple[str, ...]]) -> None:
    """Refuse paths that are equal, equal but for case or Unicode form, or where one is a folder of another."""
    joined = ["/".join(path) for path in paths]
    if len(set(joined)) != len(joined):
        raise refused("duplicate_paths", "Two files of the torrent have the same path.")
    ascii_only = all(map(str.isascii, joined))
    if not ascii_only and len({unicodedata.normalize("NFC", path) for path in joined}) != len(joined):
        raise refused("paths_collide_by_normalization", "Two paths of the torrent differ in Unicode form only.")
    folded = {_folded(path) for path in joined}
    if len(folded) != len(joined):
        raise refused("paths_collide_by_case", "Two paths of the torrent differ in upper and lower case only.")
    for path in folded:
        at = path.rfind("/")
        while at > 0:
            if path[:at] in folded:
                raise refused("path_conflict", "A path of the torrent is both a file and a folder.")
            at = path.rfind("/", 0, at)


def _folded(path: str) -> str:
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
