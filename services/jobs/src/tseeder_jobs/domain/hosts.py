"""Which URLs and peers of a stranger's magnet or torrent are taken.

This is the first of two fences. It judges what is written (tseeder_kit.hosts); the agent's IP filter judges what a name
resolves to. So a public name with a private address passes here and is stopped there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tseeder_kit.hosts import points_inside

TRACKER_SCHEMES: Final = frozenset({"http", "https", "udp"})
WEB_SEED_SCHEMES: Final = frozenset({"http", "https"})
MAX_URL_CHARS: Final = 2048

_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\]")


@dataclass(frozen=True, slots=True)
class Judged:
    """URLs (or peers) sorted: `taken` in order and once each; `inside` says that one pointed inside."""

    taken: tuple[str, ...]
    inside: bool


def judge_urls(urls: list[str], schemes: frozenset[str], *, keep: int, admit_private: bool) -> Judged:
    """Take the first `keep` usable URLs of `schemes`. Other schemes and malformed URLs are passed over."""
    taken: dict[str, None] = {}
    for text in urls:
        url = text.strip()
        split = _split(url, schemes)
        if split is None or split.hostname is None:
            continue
        if points_inside(split.hostname, admit_private=admit_private):
            return Judged((), inside=True)
        if len(taken) < keep:
            taken[url] = None
    return Judged(tuple(taken), inside=False)


def _split(url: str, schemes: frozenset[str]) -> SplitResult | None:
    """The parts of `url`, if every reader would see the same ones."""
    if len(url) > MAX_URL_CHARS or _UNSAFE.search(url):
        return None
    try:
        split = urlsplit(url)
        if split.scheme.lower() not in schemes or not split.hostname:
            return None
        _ = split.port  # ValueError if it is no port
    except ValueError:
        return None
    return split


def judge_peers(peers: list[str], *, keep: int, admit_private: bool) -> Judged:
    """As judge_urls, for `host:port` and `[v6]:port`."""
    taken: dict[str, None] = {}
    for text in peers:
        split = _split(f"udp://{text.strip()}", frozenset({"udp"}))
        if split is None or split.hostname is None or not split.port or split.path:
            continue
        if points_inside(split.hostname, admit_private=admit_private):
            return Judged((), inside=True)
        if len(taken) < keep:
            taken[text.strip()] = None
    return Judged(tuple(taken), inside=False)
