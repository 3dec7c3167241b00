"""What the session is asked to add, and how that becomes libtorrent's parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import libtorrent as lt

from tseeder_agent.adapters.swarm.settings import MAX_DEPTH, MAX_METADATA_BYTES, MAX_PIECES, MAX_TOKENS
from tseeder_agent.domain.addresses import OPEN, Fence, usable_peers, usable_trackers, usable_web_seeds
from tseeder_kit.errors import unprocessable

STAGED = "f"
"""The folder below a transfer's own that holds its files, named by number."""


@dataclass(frozen=True, slots=True)
class TorrentWish:
    """A torrent whose metadata is known. `folder` is the transfer's own; `priorities` are one per piece, not all 0.

    `info` is the raw info dictionary, `piece_layers` the raw bencoded dictionary of v2 layers, or empty.
    `fresh`: nothing of it is in the folder yet, so that no file is checked first. `have`: one per piece, for what is
    there all the same and was verified.
    """

    folder: Path
    info: bytes = field(repr=False)
    piece_layers: bytes = field(repr=False, default=b"")
    priorities: Sequence[int] = field(repr=False, default=())
    trackers: Sequence[str] = ()
    web_seeds: Sequence[str] = ()
    peers: Sequence[str] = ()
    known_peers: Sequence[tuple[str, int]] = ()
    fresh: bool = True
    have: Sequence[bool] = field(repr=False, default=())
    banned: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True)
class MetadataWish:
    """A magnet: its hashes in hex ("" where it has none), and where to ask. Nothing but metadata is fetched."""

    folder: Path
    info_hash_v1: str = ""
    info_hash_v2: str = ""
    trackers: Sequence[str] = ()
    peers: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a magnet is: its info bytes, whose hash is right; v2 layers if they came; who is in the swarm."""

    info: bytes = field(repr=False)
    piece_layers: bytes = field(repr=False, default=b"")
    peers: tuple[tuple[str, int], ...] = ()


def torrent_params(wish: TorrentWish, *, honours_peers: bool, fence: Fence = OPEN) -> lt.add_torrent_params:
    """Raises AppError `torrent_unusable` if libtorrent refuses what jobs accepted."""
    layers = b"12:piece layers" + wish.piece_layers if wish.piece_layers else b""
    limits: Any = {
        "max_pieces": MAX_PIECES,
        # libtorrent counts otherwise than jobs: the dictionary around it, one level less, and each container's end.
        "max_decode_depth": MAX_DEPTH + 2,
        "max_decode_tokens": MAX_TOKENS * 2,
    }
    if len(wish.info) > MAX_METADATA_BYTES:  # `max_buffer_size` is not looked at for bytes in memory
        raise unprocessable("torrent_unusable", f"An info dictionary may have {MAX_METADATA_BYTES} bytes at most.")
    try:
        params: lt.add_torrent_params = lt.load_torrent_buffer(b"d4:info" + wish.info + layers + b"e", limits)
    except RuntimeError as exc:
        raise unprocessable("torrent_unusable", f"libtorrent cannot read this torrent: {exc}") from exc
    if params.ti is None:
        raise unprocessable("torrent_unusable", "libtorrent found no info dictionary in this torrent.")
    layout = params.ti.layout()
    count = params.ti.num_files()
    params.save_path = str(wish.folder)
    # The whole mapping at once: the loader fills it with names, of which none may reach the disk.
    params.renamed_files = {index: f"{STAGED}/{index}" for index in range(count)}
    # Symlinks would become real ones, even renamed. Where bytes are wanted is said per piece.
    links = [bool(layout.file_flags(index) & lt.file_storage.flag_symlink) for index in range(count)]
    if any(links):
        params.file_priorities = [0 if link else 4 for link in links]
    params.piece_priorities = list(wish.priorities)
    params.url_seeds = usable_web_seeds(wish.web_seeds, fence)
    _aim(params, usable_trackers(wish.trackers, fence), wish.peers if honours_peers else ())
    params.peers = [*params.peers, *wish.known_peers]
    params.banned_peers = list(wish.banned)
    params.flags |= lt.torrent_flags.sequential_download
    if any(wish.have):
        params.have_pieces = list(wish.have)
    if wish.fresh:
        params.flags |= lt.torrent_flags.no_verify_files
    return params


def metadata_params(wish: MetadataWish, *, honours_peers: bool, fence: Fence = OPEN) -> lt.add_torrent_params:
    """A torrent that fetches its metadata and nothing else."""
    hashes: list[lt.sha1_hash | lt.sha256_hash] = []
    if wish.info_hash_v1:
        hashes.append(lt.sha1_hash(bytes.fromhex(wish.info_hash_v1)))
    if wish.info_hash_v2:
        hashes.append(lt.sha256_hash(bytes.fromhex(wish.info_hash_v2)))
    params = lt.add_torrent_params()
    params.info_hashes = lt.info_hash_t(*hashes)
    params.save_path = str(wish.folder)
    _aim(params, usable_trackers(wish.trackers, fence), wish.peers if honours_peers else ())
    params.flags |= lt.torrent_flags.default_dont_download
    return params


def _aim(params: lt.add_torrent_params, trackers: Sequence[str], peers: Sequence[str]) -> None:
    params.trackers = list(trackers)
    params.tracker_tiers = list(range(len(params.trackers)))
    params.peers = usable_peers(peers)
    # Added to what is there: `apply_ip_filter` is among the defaults.
    params.flags |= lt.torrent_flags.duplicate_is_error
    params.flags &= ~lt.torrent_flags.auto_managed
    params.flags |= lt.torrent_flags.paused  # until its alerts have somebody who takes them in
