"""Ask what is stored already, before anything is submitted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.screen import percent, say, show_json, show_table, size
from tseeder_cli.torrent_file import info_of
from tseeder_cli.verbs.connect import connect
from tseeder_cli.verbs.jobs import SOURCES, read_source
from tseeder_cli.wire import CachedTorrent

AT_ONCE: Final = 500
_SHOWN_CHARACTERS: Final = 40
_FULLEST: Final = ("absent", "partial", "stored")
_TOPICS: Final = {"urn:btih:": "", "urn:btmh:": "1220"}


async def cached(url: str, texts: Sequence[str], *, as_json: bool) -> None:
    """Show of each source how much of its torrent is stored."""
    asked = [hashes_of(text) for text in texts]
    every = list(dict.fromkeys(digest for digests in asked for digest in digests))
    known: dict[str, CachedTorrent] = {}
    async with connect(url) as client:
        for at in range(0, len(every), AT_ONCE):
            known.update({item["info_hash"]: item for item in await client.check_cache(every[at : at + AT_ONCE])})
    # A torrent of both kinds is known by either hash.
    found = [max((known[digest] for digest in digests), key=_fullness) for digests in asked]
    if as_json:
        show_json(found)
        return
    rows = [
        (
            item["state"],
            size(item["total_bytes"]) if item["file_count"] else "-",
            percent(item["stored_bytes"], item["total_bytes"]) if item["file_count"] else "-",
            f"{item['stored_files']}/{item['file_count']}" if item["file_count"] else "-",
            text[:_SHOWN_CHARACTERS],
        )
        for text, item in zip(texts, found, strict=True)
    ]
    show_table(("STATE", "SIZE", "STORED", "FILES", "SOURCE"), rows, right=("SIZE", "STORED", "FILES"))
    if any(item["state"] == "stored" for item in found):
        say("what is stored is there at once, as soon as you add it")


def _fullness(item: CachedTorrent) -> int:
    return _FULLEST.index(item["state"]) if item["state"] in _FULLEST else -1


def hashes_of(text: str) -> list[str]:
    """The info-hashes, v1 or v2 or both, that a magnet, a .torrent on this disk or a bare hash is about. Nothing of
    it but these is sent. CliError if it is none of them."""
    source = read_source(text)
    if source.info_hash:
        return [source.info_hash]
    found = _of_torrent(source.torrent) if source.torrent else _of_magnet(source.magnet)
    if not found:
        raise CliError("the source names no info-hash", code="bad_source", exit_code=ExitCode.USAGE, hint=SOURCES)
    return found


def _of_torrent(content: bytes) -> list[str]:
    info, is_v1, is_v2 = info_of(content)
    v1 = [hashlib.sha1(info, usedforsecurity=False).hexdigest()] if is_v1 else []
    return v1 + ([hashlib.sha256(info).hexdigest()] if is_v2 else [])


def _of_magnet(uri: str) -> list[str]:
    topics = [value for name, value in parse_qsl(uri.partition("?")[2]) if name == "xt" or name.startswith("xt.")]
    return [
        topic[len(start) + len(prefix) :]
        for topic in topics
        for start, prefix in _TOPICS.items()
        if topic.lower().startswith(start + prefix)
    ]
