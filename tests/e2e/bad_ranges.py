"""Ranges and names that cannot be right, of stored files: what is answered, header by header."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

FILM: Final = "film.mkv"
SIZE: Final = 70_001
CRLF: Final = "line\r\nSet-Cookie: stolen=1.txt"
QUOTES: Final = 'say "hi"; x=y.txt'
UTF8: Final = "Füße – 映画.mkv"
REVERSED: Final = "photo\u202egpj.exe"

FILES: Final[Mapping[str, int]] = MappingProxyType(
    {
        FILM: SIZE,
        "page.html": 60,
        "PAGE2.HTML": 61,
        "drawing.svg": 62,
        "empty.txt": 0,
        CRLF: 63,
        QUOTES: 64,
        UTF8: 65,
        REVERSED: 66,
    }
)

WHOLE: Final = (0, SIZE)
NOTHING: Final = (0, 0)


class Asked(NamedTuple):
    """A request for the film: the bytes that come (start, stop), or the code of a problem."""

    headers: Mapping[str, str]
    status: int
    body: tuple[int, int] = NOTHING
    code: str = ""
    method: str = "GET"
    path: str = FILM


def _range(value: str, status: int, body: tuple[int, int] = NOTHING, code: str = "", path: str = FILM) -> Asked:
    return Asked({"Range": value}, status, body, code, path=path)


def _unsatisfiable(value: str, path: str = FILM) -> Asked:
    return _range(value, 416, code="range_not_satisfiable", path=path)


BAD_RANGES: Final[Mapping[str, Asked]] = MappingProxyType(
    {
        "bytes=-0": _unsatisfiable("bytes=-0"),
        "start past the end": _unsatisfiable(f"bytes={SIZE}-"),
        "start past the end: several": _unsatisfiable(f"bytes={SIZE}-, {SIZE + 5}-{SIZE + 9}"),
        "reversed": _range("bytes=9-5", 200, WHOLE),
        "1,000 overlapping": _range("bytes=" + ",".join("0-" for _ in range(1000)), 200, WHOLE),
        "1,000 overlapping: nearly": _range("bytes=" + ",".join(f"{n}-" for n in range(1000)), 200, WHOLE),
        "1,000 overlapping: of one byte": _range("bytes=" + ",".join("5-5" for _ in range(1000)), 200, WHOLE),
        "unknown unit": _range("items=0-1", 200, WHOLE),
        "no unit": _range("0-1", 200, WHOLE),
        "no number": _range("bytes=x-y", 200, WHOLE),
        "overflow": _unsatisfiable("bytes=99999999999999999999999999-"),
        "overflow: the end": _range("bytes=5-99999999999999999999999999", 206, (5, SIZE)),
        "overflow: the suffix": _range("bytes=-99999999999999999999999999", 206, WHOLE),
        "overflow: 2^63": _unsatisfiable(f"bytes={2**63}-{2**63 + 1}"),
        "stale If-Range": Asked({"Range": "bytes=0-0", "If-Range": '"stale"'}, 200, WHOLE),
        "stale If-Range: a date": Asked(
            {"Range": "bytes=0-0", "If-Range": "Wed, 21 Oct 2015 07:28:00 GMT"}, 200, WHOLE
        ),
        "stale If-Match": Asked({"If-Match": '"stale"'}, 412, code="etag_mismatch"),
        "HEAD with Range": Asked({"Range": "bytes=0-9"}, 200, WHOLE, method="HEAD"),
        "HEAD with Range: past the end": Asked({"Range": f"bytes={SIZE}-"}, 200, WHOLE, method="HEAD"),
        "empty file": Asked({}, 200, path="empty.txt"),
        "empty file: HEAD": Asked({}, 200, method="HEAD", path="empty.txt"),
        "empty file: its first byte": _unsatisfiable("bytes=0-0", "empty.txt"),
        "empty file: its last bytes": _range("bytes=-5", 200, path="empty.txt"),
    }
)

# What stands in Content-Disposition, whole: the name is a stranger's text.
NAMES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        ".html payload": ("page.html", 'attachment; filename="page.html"'),
        ".html payload: capitals": ("PAGE2.HTML", 'attachment; filename="PAGE2.HTML"'),
        ".svg payload": ("drawing.svg", 'attachment; filename="drawing.svg"'),
        "file names with CRLF": (CRLF, 'inline; filename="line__Set-Cookie: stolen=1.txt"'),
        "file names with quotes": (
            QUOTES,
            "inline; filename=\"say _hi_; x=y.txt\"; filename*=UTF-8''say%20%22hi%22%3B%20x%3Dy.txt",
        ),
        "file names with UTF-8": (
            UTF8,
            "inline; filename=\"Fu_e _ __.mkv\"; filename*=UTF-8''F%C3%BC%C3%9Fe%20%E2%80%93%20%E6%98%A0%E7%94%BB.mkv",
        ),
        "file names with marks of direction": (REVERSED, 'attachment; filename="photo_gpj.exe"'),
    }
)
