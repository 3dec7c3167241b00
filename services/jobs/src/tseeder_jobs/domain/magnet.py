"""Magnet URIs and bare info-hashes: what a user may paste instead of a torrent.

Errors are AppError with a code `magnet_*` (`info_hash_*` for a bare hash), INVALID or TOO_LARGE; neither they nor
anything else here repeats the magnet, which is a secret. `so`, `xs`, `as`, `kt` and unknown parameters are passed over.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, unquote_plus

from tseeder_jobs.domain import hosts
from tseeder_kit.errors import AppError, Kind

MAX_URI_CHARS: Final = 128 * 1024
MAX_TRACKERS_LISTED: Final = 1000
"""More are refused; of fewer, the first MAX_TRACKERS are used."""
MAX_TRACKERS: Final = 50
MAX_WEB_SEEDS: Final = 10
MAX_PEERS: Final = 50
MAX_NAME_CHARS: Final = 255

_TRACKER: Final = re.compile(r"[?&;]tr(\.\d+)?=", re.IGNORECASE)
_HEX: Final = re.compile(r"[0-9a-f]+")
_NUMBERED: Final = re.compile(r"\.\d+$")
_SHA256_MULTIHASH: Final = "1220"
# Marks that reorder what is shown, so that `gpj.exe` reads as `exe.jpg`.
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Magnet:
    """What a magnet claims; nothing of it is verified.

    Hashes are lower-case hex, at least one is there. `name` is cleaned for showing, None where there is none. `peers`
    (`x.pe`) is empty unless private hosts are admitted: only stacks and tests on one machine use it.
    """

    info_hash_v1: str | None
    info_hash_v2: str | None
    name: str | None = None
    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()


def parse_magnet(uri: str, *, admit_private: bool = False) -> Magnet:
    """Judge a magnet URI. `admit_private` as in hosts.points_inside."""
    text = uri.strip()
    if not text[:8].lower().startswith("magnet:?"):
        raise _refused("not_magnet", "This is not a magnet link.")
    if sum(1 for _ in _TRACKER.finditer(text)) > MAX_TRACKERS_LISTED:
        raise _refused("too_many_trackers", f"The magnet lists more than {MAX_TRACKERS_LISTED} trackers.")
    if len(text) > MAX_URI_CHARS:
        raise _refused("too_large", f"A magnet may have {MAX_URI_CHARS} characters at most.")
    fields = _fields(text[8:])
    v1, v2 = _hashes(fields.get("xt", []))
    return Magnet(
        info_hash_v1=v1,
        info_hash_v2=v2,
        name=clean_name(unquote_plus(fields["dn"][0])) if "dn" in fields else None,
        trackers=_trackers(fields, admit_private=admit_private),
        web_seeds=_web_seeds(fields, admit_private=admit_private),
        peers=_peers(fields, admit_private=admit_private),
    )


def parse_info_hash(text: str) -> Magnet:
    """Judge a bare info-hash: 40 or 64 hex digits (v1, v2), or 32 of base32 (v1)."""
    digest = text.strip()
    if len(digest) == 64:
        if not _HEX.fullmatch(digest.lower()):
            raise _refused("bad", "The info-hash contains something else than hex digits.", "info_hash")
        return Magnet(None, _not_zero(digest.lower(), "info_hash"))
    return Magnet(_btih(digest, "info_hash"), None)


def clean_name(name: str) -> str | None:
    """A stranger's name, fit to be shown: without control and bidirectional marks, `..` and separators; NFC; cut at
    MAX_NAME_CHARS. None if nothing is left.
    """
    kept = "".join(c for c in name if c in "/\\" or (c not in _BIDI and unicodedata.category(c) not in {"Cc", "Cs"}))
    elements = [part.strip() for part in re.split(r"[/\\]", kept)]
    joined = "_".join(part for part in elements if part not in {"", ".", ".."})
    return unicodedata.normalize("NFC", joined)[:MAX_NAME_CHARS].strip() or None


def _refused(code: str, message: str, prefix: str = "magnet") -> AppError:
    return AppError(Kind.TOO_LARGE if code == "too_large" else Kind.INVALID, f"{prefix}_{code}", message)


def _fields(query: str) -> dict[str, list[str]]:
    """Still percent-encoded values by name; `xt.1` counts as `xt`. `&amp;` comes from pasted web pages."""
    fields: dict[str, list[str]] = {}
    for pair in query.replace("&amp;", "&").split("&"):
        key, found, value = pair.partition("=")
        if found and value:
            fields.setdefault(_NUMBERED.sub("", key.lower()), []).append(value)
    return fields


def _hashes(topics: list[str]) -> tuple[str | None, str | None]:
    v1: set[str] = set()
    v2: set[str] = set()
    for topic in topics:
        urn = unquote(topic).strip()
        kind, value = urn[:9].lower(), urn[9:]
        if kind == "urn:btih:":
            v1.add(_btih(value, "magnet"))
        elif kind == "urn:btmh:":
            v2.add(_btmh(value))
    if not v1 and not v2:
        raise _refused("no_hash", "The magnet names no torrent: it has no 'xt' with an info-hash.")
    if len(v1) > 1 or len(v2) > 1:
        raise _refused("conflicting_hashes", "The magnet names two different torrents.")
    return next(iter(v1), None), next(iter(v2), None)


def _btih(value: str, prefix: str) -> str:
    if len(value) == 40:
        digest = value.lower()
        if not _HEX.fullmatch(digest):
            raise _refused(
                "bad_hash" if prefix == "magnet" else "bad", "The info-hash is not made of hex digits.", prefix
            )
    elif len(value) == 32:
        digest = _from_base32(value, prefix)
    else:
        message = "An info-hash has 40 hex digits or 32 characters of base32 (v2: 64 hex digits)."
        raise _refused("bad_hash" if prefix == "magnet" else "bad", message, prefix)
    return _not_zero(digest, prefix)


def _from_base32(value: str, prefix: str) -> str:
    try:
        digest = base64.b32decode(value.upper())
    except ValueError:  # binascii.Error is one
        digest = b""
    if len(digest) != 20:  # 32 characters with padding among them decode to less
        raise _refused("bad_base32", "The info-hash is not valid base32.", prefix)
    return digest.hex()


def _btmh(value: str) -> str:
    digest = value.lower()
    if len(digest) != 68 or not _HEX.fullmatch(digest) or not digest.startswith(_SHA256_MULTIHASH):
        raise _refused("bad_multihash", "The magnet's 'btmh' is not a SHA-256 multihash (1220 and 64 hex digits).")
    return _not_zero(digest[4:], "magnet")


def _not_zero(digest: str, prefix: str) -> str:
    if not digest.strip("0"):
        raise _refused("zero_hash" if prefix == "magnet" else "zero", "The info-hash is all zeros.", prefix)
    return digest


def _trackers(fields: dict[str, list[str]], *, admit_private: bool) -> tuple[str, ...]:
    urls = [unquote(value) for value in fields.get("tr", [])]
    judged = hosts.judge_urls(urls, hosts.TRACKER_SCHEMES, keep=MAX_TRACKERS, admit_private=admit_private)
    if judged.inside:
        raise _refused("private_tracker", "A tracker of the magnet points at a private or local address.")
    return judged.taken


def _web_seeds(fields: dict[str, list[str]], *, admit_private: bool) -> tuple[str, ...]:
    urls = [unquote(value) for value in fields.get("ws", [])]
    judged = hosts.judge_urls(urls, hosts.WEB_SEED_SCHEMES, keep=MAX_WEB_SEEDS, admit_private=admit_private)
    if judged.inside:
        raise _refused("private_web_seed", "A web seed of the magnet points at a private or local address.")
    return judged.taken


def _peers(fields: dict[str, list[str]], *, admit_private: bool) -> tuple[str, ...]:
    listed = [unquote(value) for value in fields.get("x.pe", [])]
    judged = hosts.judge_peers(listed, keep=MAX_PEERS, admit_private=admit_private)
    if judged.inside:
        raise _refused("private_peer", "A peer of the magnet points at a private or local address.")
    return judged.taken if admit_private else ()
