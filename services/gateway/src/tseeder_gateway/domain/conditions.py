"""Entity tags and the conditions on them (RFC 9110, sections 8.8.3 and 13)."""

from __future__ import annotations

import re
from typing import Final

_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*+)"')
_UNSAFE: Final = re.compile(r"[^\x21\x23-\x7e]")
_MAX_TAGS: Final = 100


def strong_etag(opaque: str) -> str:
    """A strong entity tag for what jobs calls the file's etag, with or without its quotes."""
    return f'"{_UNSAFE.sub("", opaque)}"'


def none_match(header: str | None, etag: str) -> bool:
    """Whether If-None-Match says that the client has this file already (weak comparison)."""
    tags = _tags(header)
    return tags is not None and ("*" in tags or etag in {tag.removeprefix("W/") for tag in tags})


def match_fails(header: str | None, etag: str) -> bool:
    """Whether If-Match asks for another state of the file (strong comparison)."""
    tags = _tags(header)
    return tags is not None and "*" not in tags and etag not in tags


def range_applies(if_range: str | None, etag: str) -> bool:
    """Whether Range holds beside this If-Range: without one, or with exactly this strong tag.

    A date never matches, since no Last-Modified is ever sent.
    """
    return if_range is None or if_range.strip() == etag


def _tags(header: str | None) -> list[str] | None:
    """The tags of a list; None without a header. What is no tag matches nothing."""
    if header is None:
        return None
    if header.strip() == "*":
        return ["*"]
    found = []
    for number, match in enumerate(_TAG.finditer(header)):
        if number == _MAX_TAGS:
            break
        found.append(f'{match[1] or ""}"{match[2]}"')
    return found
