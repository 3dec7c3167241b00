"""Who knows what the right bytes are: the sample's own sums, a torrent's hashes, or nobody."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

from tseeder_cli.torrent_file import Entry, TorrentFile
from tseeder_cli.wire import File

BLOCK_BYTES = 16 * 1024
ZEROS = bytes(1 << 20)


class Witness(Protocol):
    """Is shown every stored file in the order of its index, and tells in the end which ones are wrong."""

    knows: str  # what it compares with, for people; "" if it cannot compare

    def begin(self, file: File) -> None: ...

    def feed(self, data: bytes) -> None: ...

    def end(self, sha256: str) -> None: ...

    def verdict(self) -> list[str]:
        """What is wrong, a line each; empty if every byte is right and nothing is missing."""
        ...


class KnownSums:
    """The sample, whose maker has told the SHA-256 of each file: path -> (size in bytes, hex digest)."""

    knows = "the SHA-256 of its source"

    def __init__(self, sums: Mapping[str, tuple[int, str]]) -> None:
        self._sums = dict(sums)
        self._wrong: list[str] = []
        self._path = ""
        self._size = 0

    def begin(self, file: File) -> None:
        self._path, self._size = "/".join(file["path"]), 0

    def feed(self, data: bytes) -> None:
        self._size += len(data)

    def end(self, sha256: str) -> None:
        expected = self._sums.pop(self._path, None)
        if expected is None:
            self._wrong.append(f"{self._path}: not a file of the source")
        elif expected != (self._size, sha256):
            size, right = expected
            self._wrong.append(f"{self._path}: {self._size} bytes, SHA-256 {sha256}; its source: {size}, {right}")

    def verdict(self) -> list[str]:
        return self._wrong + [f"{path}: is not stored" for path in self._sums]


class Pieces:
    """A v1 or hybrid torrent: the SHA-1 of each piece of all its files laid end to end."""

    knows = "the piece hashes of the torrent"

    def __init__(self, torrent: TorrentFile) -> None:
        self._torrent = torrent
        self._next = 0  # the entry that comes next
        self._left = 0  # bytes that the current entry still has
        self._room = torrent.piece_length
        self._hash = hashlib.sha1(usedforsecurity=False)
        self._seen = 0
        self._wrong: list[str] = []

    def begin(self, file: File) -> None:
        self._skip_to(file["file_index"])
        if self._next < len(self._torrent.entries):
            self._left = self._torrent.entries[self._next].size_bytes
            self._next += 1

    def feed(self, data: bytes) -> None:
        self._left -= len(data)
        view = memoryview(data)
        while view:
            taken = view[: self._room]
            self._hash.update(taken)
            self._room -= len(taken)
            view = view[len(taken) :]
            if not self._room:
                self._close_piece()

    def end(self, sha256: str) -> None:
        if self._left:
            self._wrong.append(f"file {self._next - 1}: its size differs from the torrent's by {-self._left} bytes")

    def verdict(self) -> list[str]:
        self._skip_to(len(self._torrent.entries))
        if self._room < self._torrent.piece_length:
            self._close_piece()
        if self._seen * 20 != len(self._torrent.pieces):
            self._wrong.append(f"{self._seen} pieces, not {len(self._torrent.pieces) // 20}")
        return self._wrong

    def _skip_to(self, index: int) -> None:
        """Pads are zeros that nobody stores; any other entry that is passed over is missing."""
        while self._next < min(index, len(self._torrent.entries)):
            entry = self._torrent.entries[self._next]
            self._next += 1
            if entry.size_bytes and not entry.is_pad:
                self._wrong.append(f"file {entry.index}: is not stored")
            self._left = entry.size_bytes
            while self._left:
                self.feed(ZEROS[: min(self._left, len(ZEROS))])

    def _close_piece(self) -> None:
        if self._hash.digest() != self._torrent.pieces[self._seen * 20 : self._seen * 20 + 20]:
            self._wrong.append(f"piece {self._seen}: its SHA-1 is not the torrent's")
        self._seen += 1
        self._hash = hashlib.sha1(usedforsecurity=False)
        self._room = self._torrent.piece_length


class Roots:
    """A torrent of v2 alone: the root of each file's Merkle tree over blocks of 16 KiB (BEP 52)."""

    knows = "the Merkle roots of the torrent"

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = {entry.index: entry for entry in entries}
        self._index = -1
        self._block = bytearray()
        self._leaves: list[bytes] = []
        self._wrong: list[str] = []

    def begin(self, file: File) -> None:
        self._index, self._leaves = file["file_index"], []
        self._block.clear()

    def feed(self, data: bytes) -> None:
        self._block += data
        whole = len(self._block) - len(self._block) % BLOCK_BYTES
        for at in range(0, whole, BLOCK_BYTES):
            self._leaves.append(hashlib.sha256(memoryview(self._block)[at : at + BLOCK_BYTES]).digest())
        del self._block[:whole]

    def end(self, sha256: str) -> None:
        if self._block:
            self._leaves.append(hashlib.sha256(self._block).digest())
        entry = self._entries.pop(self._index, None)
        if entry is None or merkle_root(self._leaves) != entry.root:
            self._wrong.append(f"file {self._index}: its Merkle root is not the torrent's")

    def verdict(self) -> list[str]:
        missing = [entry.index for entry in self._entries.values() if entry.size_bytes]  # symlinks are dropped
        return self._wrong + [f"file {index}: is not stored" for index in missing]


class NoSource:
    """Nothing to compare with."""

    knows = ""

    def begin(self, file: File) -> None:
        """Nothing to prepare."""

    def feed(self, data: bytes) -> None:
        """Nothing to compare."""

    def end(self, sha256: str) -> None:
        """Nothing to compare."""

    def verdict(self) -> list[str]:
        return []


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over SHA-256 leaves, filled up with zero leaves to a power of two; empty without leaves."""
    layer, filler = list(leaves), bytes(32)
    while len(layer) > 1:
        if len(layer) % 2:
            layer.append(filler)
        layer = [hashlib.sha256(layer[at] + layer[at + 1]).digest() for at in range(0, len(layer), 2)]
        filler = hashlib.sha256(filler + filler).digest()
    return layer[0] if layer else b""


def witness_of(torrent: TorrentFile) -> Witness:
    """The witness in a .torrent."""
    return Pieces(torrent) if torrent.pieces else Roots(torrent.entries)
