"""Reading libtorrent's view of a torrent into the domain's words: where files lie, what pieces must hash to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import libtorrent as lt

from tseeder_agent.domain.piece_hashes import PieceHashes, V1Hashes, V2File, V2Hashes, layer_is_right
from tseeder_agent.domain.staged import Slot, StagedLayout


def staged_layout(info: lt.torrent_info) -> StagedLayout:
    """Every file as libtorrent numbers it, pads marked; links and empty files hold no bytes."""
    layout = info.layout()
    return StagedLayout(
        Slot(
            number=index,
            offset=layout.file_offset(index),
            size=layout.file_size(index),
            pad=bool(layout.file_flags(index) & lt.file_storage.flag_pad_file),
        )
        for index in range(info.num_files())
    )


def piece_hashes(info: lt.torrent_info, piece_layers: bytes) -> PieceHashes:
    """SHA-1 per piece where the torrent has v1 metadata, else the hash trees of v2."""
    piece_length = info.piece_length()
    if info.info_hashes().has_v1():
        decoded: Mapping[bytes, Any] = lt.bdecode(info.info_section())  # type: ignore[assignment]
        last = info.num_pieces() - 1
        return V1Hashes(decoded[b"pieces"], piece_length, last * piece_length + info.piece_size(last))
    files = _v2_files(info)
    return V2Hashes(files, piece_length, _right_layers(files, piece_length, piece_layers))


def right_layers(info: lt.torrent_info, piece_layers: bytes) -> dict[bytes, bytes]:
    """Of these bencoded layers, by root, those that lead to the root of a file of this torrent."""
    return _right_layers(_v2_files(info), info.piece_length(), piece_layers)


def layers_complete(info: lt.torrent_info, piece_layers: bytes) -> bool:
    """Whether these bencoded layers are right for every file of this torrent that needs one."""
    needed = {file.root for file in _v2_files(info) if file.size > info.piece_length()}
    return needed <= set(right_layers(info, piece_layers))


def _v2_files(info: lt.torrent_info) -> list[V2File]:
    layout = info.layout()
    return [
        V2File(layout.file_offset(index), layout.file_size(index), layout.root(index).to_bytes())
        for index in range(info.num_files())
        if layout.file_size(index) and not layout.file_flags(index) & lt.file_storage.flag_pad_file
    ]


def _right_layers(files: list[V2File], piece_length: int, piece_layers: bytes) -> dict[bytes, bytes]:
    if not piece_layers:
        return {}
    decoded: Mapping[bytes, bytes] = lt.bdecode(piece_layers)  # type: ignore[assignment]
    roots = {file.root for file in files if file.size > piece_length}
    return {root: decoded[root] for root in roots & set(decoded) if layer_is_right(decoded[root], root, piece_length)}


def layers_of(params: lt.add_torrent_params) -> bytes:
    """The v2 layers that libtorrent has verified so far, bencoded; empty while some are missing."""
    try:
        written: Mapping[bytes, Any] = lt.write_torrent_file(params)  # type: ignore[assignment]
    except RuntimeError:  # it writes all layers or none
        return b""
    layers = written.get(b"piece layers")
    return lt.bencode(layers) if layers else b""
