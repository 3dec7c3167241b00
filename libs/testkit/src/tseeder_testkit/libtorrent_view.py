"""What libtorrent makes of a `.torrent`: a second opinion for our own reader."""

from __future__ import annotations

from dataclasses import dataclass

import libtorrent as lt


@dataclass(frozen=True, slots=True)
class LibtorrentView:
    """Hashes in hex ("" where there is none); `places` are (path, offset, size) of files that are no pads."""

    info_hash_v1: str
    info_hash_v2: str
    piece_count: int
    private: bool
    places: tuple[tuple[str, int, int], ...]


def view(torrent: bytes) -> LibtorrentView:
    """Raises RuntimeError if libtorrent refuses it."""
    info = lt.load_torrent_buffer(torrent).ti
    if info is None:
        raise RuntimeError("libtorrent read no torrent")
    hashes, files = info.info_hashes(), info.layout()
    return LibtorrentView(
        info_hash_v1=str(hashes.v1) if hashes.has_v1() else "",
        info_hash_v2=str(hashes.v2) if hashes.has_v2() else "",
        piece_count=info.num_pieces(),
        private=info.priv(),
        places=tuple(
            (files.file_path(index), files.file_offset(index), files.file_size(index))
            for index in range(files.num_files())
            if not int(files.file_flags(index)) & int(lt.file_flags_t.flag_pad_file)
        ),
    )
