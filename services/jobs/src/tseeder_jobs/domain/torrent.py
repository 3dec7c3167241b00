"""From the bytes of a `.torrent`, or of a bare info dictionary, to what jobs knows about a torrent.

Everything is judged here, by one reader, and nothing is believed: hashes are taken over the raw info bytes, v2 piece
layers are checked against `pieces root`, and the halves of a hybrid against each other. Errors are AppError with a
code `torrent_*`; their messages hold no name, hash or URL.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tseeder_jobs.domain import hosts, paths
from tseeder_jobs.domain.bencode import DEFAULT_LIMITS, Bvalue, Limits, decode, refused
from tseeder_jobs.domain.filelist import (
    Info,
    ListedFile,
    TreeFile,
    check_hybrid,
    name_of,
    number,
    v1_files,
    v2_files,
)
from tseeder_jobs.domain.merkle import BLOCK_BYTES, HASH_BYTES, root_of_layer
from tseeder_jobs.domain.natural_order import Place, natural_places

MAX_PIECES: Final = 200_000
MAX_PIECE_LENGTH: Final = 256 << 20
MAX_TRACKERS_LISTED: Final = 1000
"""More are refused; of fewer, the first MAX_TRACKERS are used."""
MAX_TRACKERS: Final = 50
MAX_WEB_SEEDS: Final = 10
_SHA1_BYTES: Final = 20


class MetaVersion(StrEnum):
    """Which BitTorrent protocol an info dictionary speaks."""

    V1 = "v1"
    V2 = "v2"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class Metainfo:
    """One verified info dictionary, and what came with it.

    `info` and `piece_layers` are the raw bencoded bytes (`piece_layers` is empty for v1). `layers_known` is False for
    a v2 or hybrid info dictionary that came without its layers. `total_bytes` counts real files, `piece_space_bytes`
    pads and alignment too. `trackers` and `web_seeds` are those that may be contacted; they belong to a job, not to
    the torrent. `places` are those of `entries`.
    """

    name: str
    version: MetaVersion
    private: bool
    piece_length: int
    piece_count: int
    info_hash_v1: str | None
    info_hash_v2: str | None
    files: tuple[ListedFile, ...]
    places: tuple[Place, ...]
    total_bytes: int
    piece_space_bytes: int
    trackers: tuple[str, ...]
    web_seeds: tuple[str, ...]
    info: bytes
    piece_layers: bytes
    layers_known: bool

    @property
    def entries(self) -> tuple[ListedFile, ...]:
        """The files that users see: without pads and symlinks."""
        return _real(self.files)


def _real(files: tuple[ListedFile, ...]) -> tuple[ListedFile, ...]:
    return tuple([file for file in files if not (file.is_pad or file.is_symlink)])


def parse_torrent(data: bytes, *, admit_private: bool = False, limits: Limits = DEFAULT_LIMITS) -> Metainfo:
    """Judge a `.torrent` file. `admit_private` as in hosts.points_inside."""
    document = decode(data, limits)
    root = document.value
    if not isinstance(root, dict):
        raise refused("not_dictionary", "This is not a .torrent file: its outermost value is no dictionary.")
    info = root.get(b"info")
    if not isinstance(info, dict):
        raise refused("no_info", "The .torrent has no info dictionary.")
    start, end = document.spans[b"info"]
    layers = root.get(b"piece layers")
    layers_span = document.spans.get(b"piece layers", (0, 0))
    trackers = _trackers(root, admit_private=admit_private)
    web_seeds = _web_seeds(root, admit_private=admit_private)
    return _judge(
        info,
        data[start:end],
        {} if layers is None else layers,
        data[layers_span[0] : layers_span[1]],
        trackers=trackers,
        web_seeds=web_seeds,
    )


def parse_info(info: bytes, piece_layers: bytes | None = None, *, limits: Limits = DEFAULT_LIMITS) -> Metainfo:
    """Judge a raw info dictionary, as peers send it; `piece_layers` bencoded, or None where they are not known yet."""
    value = decode(info, limits).value
    if not isinstance(value, dict):
        raise refused("no_info", "These bytes are no info dictionary.")
    layers = None if piece_layers is None else decode(piece_layers, limits).value
    return _judge(value, info, layers, piece_layers or b"", trackers=(), web_seeds=())


def _judge(
    info: Info,
    raw: bytes,
    layers: Bvalue | None,
    raw_layers: bytes,
    *,
    trackers: tuple[str, ...],
    web_seeds: tuple[str, ...],
) -> Metainfo:
    version = _version(info)
    piece_length = _piece_length(info, version)
    tree = () if version is MetaVersion.V1 else v2_files(info, piece_length)
    files = tuple([file.listed for file in tree]) if version is MetaVersion.V2 else v1_files(info)
    _check_payload(files)
    if version is MetaVersion.HYBRID:
        check_hybrid(files, tree)
    space = max(file.piece_offset + file.size_bytes for file in files)
    piece_count = _piece_count(info, space, piece_length, version)
    if layers is not None:
        _check_layers(tree, layers, piece_length)
    has_v1, has_v2 = version is not MetaVersion.V2, version is not MetaVersion.V1
    return Metainfo(
        name=name_of(info),
        version=version,
        private=_private(info),
        piece_length=piece_length,
        piece_count=piece_count,
        info_hash_v1=hashlib.sha1(raw, usedforsecurity=False).hexdigest() if has_v1 else None,
        info_hash_v2=hashlib.sha256(raw).hexdigest() if has_v2 else None,
        files=files,
        places=tuple(natural_places([file.path for file in _real(files)])),
        total_bytes=sum(file.size_bytes for file in files if not file.is_pad),
        piece_space_bytes=space,
        trackers=trackers,
        web_seeds=web_seeds,
        info=raw,
        piece_layers=raw_layers if has_v2 else b"",
        layers_known=not has_v2 or layers is not None,
    )


def _version(info: Info) -> MetaVersion:
    declared = info.get(b"meta version", 1)
    if declared not in (1, 2):
        raise refused("unsupported_version", "The torrent's meta version is neither 1 nor 2.")
    if declared == 1:
        return MetaVersion.V1
    return MetaVersion.HYBRID if b"pieces" in info else MetaVersion.V2


def _piece_length(info: Info, version: MetaVersion) -> int:
    length = number(info, b"piece length")
    if length > MAX_PIECE_LENGTH:
        raise refused("piece_length_too_large", f"A piece may have {MAX_PIECE_LENGTH} bytes at most.")
    if length == 0:
        raise refused("piece_length_zero", "The torrent's piece length is 0.")
    if version is not MetaVersion.V1 and (length < BLOCK_BYTES or length & (length - 1)):
        raise refused("bad_piece_length", f"A v2 piece length must be a power of two, {BLOCK_BYTES} at least.")
    return length


def _check_payload(files: tuple[ListedFile, ...]) -> None:
    real = _real(files)
    if not real and any(file.is_pad for file in files):
        raise refused("only_pads", "The torrent has pad files only.")
    if not real:
        raise refused("no_files", "The torrent has no files.")
    if not any(file.size_bytes for file in real):
        raise refused("only_empty_files", "All files of the torrent are empty.")
    paths.check_distinct(file.path for file in files if not file.is_pad)


def _piece_count(info: Info, space: int, piece_length: int, version: MetaVersion) -> int:
    count = -(-space // piece_length)
    if count > MAX_PIECES:
        raise refused("too_many_pieces", f"A torrent may have {MAX_PIECES} pieces at most.", pieces=count)
    if version is not MetaVersion.V2:
        pieces = info.get(b"pieces")
        if not isinstance(pieces, bytes):
            raise refused("bad_field", "The torrent's 'pieces' is missing or no string.", field="pieces")
        if len(pieces) != count * _SHA1_BYTES:
            raise refused("pieces_mismatch", "The number of piece hashes does not fit the torrent's size.")
    return count


def _check_layers(tree: tuple[TreeFile, ...], layers: Bvalue, piece_length: int) -> None:
    if not isinstance(layers, dict):
        raise refused("bad_piece_layers", "The torrent's 'piece layers' is no dictionary.")
    checked: dict[bytes, int] = {}
    for file, pieces_root in tree:
        if file.size_bytes <= piece_length:
            continue
        pieces = -(-file.size_bytes // piece_length)
        if pieces_root not in checked:
            _check_layer(layers.get(pieces_root), pieces_root, pieces, piece_length)
        if checked.setdefault(pieces_root, pieces) != pieces:
            raise refused("piece_layers_mismatch", "Files of different sizes claim the same content.")


def _check_layer(layer: Bvalue | None, pieces_root: bytes, pieces: int, piece_length: int) -> None:
    if not isinstance(layer, bytes):
        raise refused("missing_piece_layers", "The torrent lacks the 'piece layers' of a file.")
    if len(layer) != pieces * HASH_BYTES or root_of_layer(layer, piece_length) != pieces_root:
        raise refused("piece_layers_mismatch", "The 'piece layers' of a file do not fit its 'pieces root'.")


def _private(info: Info) -> bool:
    value = info.get(b"private", 0)
    if not isinstance(value, int):
        raise refused("bad_field", "The torrent's 'private' is no number.", field="private")
    return value != 0


def _trackers(root: Info, *, admit_private: bool) -> tuple[str, ...]:
    urls = _texts(root.get(b"announce"))
    tiers = root.get(b"announce-list")
    if isinstance(tiers, list):
        for tier in tiers:
            urls += _texts(tier)
            if len(urls) > MAX_TRACKERS_LISTED:
                raise refused("too_many_trackers", f"The .torrent lists more than {MAX_TRACKERS_LISTED} trackers.")
    judged = hosts.judge_urls(urls, hosts.TRACKER_SCHEMES, keep=MAX_TRACKERS, admit_private=admit_private)
    if judged.inside:
        raise refused("private_tracker", "A tracker of the .torrent points at a private or local address.")
    return judged.taken


def _web_seeds(root: Info, *, admit_private: bool) -> tuple[str, ...]:
    urls = _texts(root.get(b"url-list"))
    if len(urls) > MAX_TRACKERS_LISTED:
        raise refused("too_many_web_seeds", f"The .torrent lists more than {MAX_TRACKERS_LISTED} web seeds.")
    judged = hosts.judge_urls(urls, hosts.WEB_SEED_SCHEMES, keep=MAX_WEB_SEEDS, admit_private=admit_private)
    if judged.inside:
        raise refused("private_web_seed", "A web seed of the .torrent points at a private or local address.")
    return judged.taken


def _texts(value: Bvalue | None) -> list[str]:
    """The strings of a string or a list; what is no UTF-8 is no URL either and is passed over."""
    items = value if isinstance(value, list) else [value]
    return [item.decode() for item in items if isinstance(item, bytes) and item.isascii()]
