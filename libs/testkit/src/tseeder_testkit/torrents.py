"""Torrents for tests and the demo: deterministic content, v1, hybrid and v2, hashed here with hashlib alone.

Nothing of libtorrent makes them, so that they are an independent witness of what libtorrent downloads.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from tseeder_testkit.bencoding import Bencodable, bencode
from tseeder_testkit.merkle import FileTree

Version = Literal["v1", "hybrid", "v2"]
CHUNK = 1 << 20
KIB = 1 << 10
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class FileSpec:
    """A file to make: `path` below the torrent's name, parts joined with '/'; `size` in bytes; `source`: a file whose
    bytes it has, instead of made up ones."""

    path: str
    size: int
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class TorrentSpec:
    """What to make. A `single` torrent has one file, whose path is the torrent's name."""

    files: tuple[FileSpec, ...]
    name: str = "sample"
    version: Version = "v1"
    piece_length: int = 256 * KIB
    private: bool = False
    single: bool = False
    seed: int = 1
    trackers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One file as made: `offset` is its place in piece space, in bytes."""

    path: str
    size: int
    offset: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A torrent on disk: `torrent` is the .torrent file, `root` the folder that a seeder is given as save path."""

    torrent: Path
    root: Path
    name: str
    version: Version
    piece_length: int
    private: bool
    single: bool
    info_hash_v1: str | None
    info_hash_v2: str | None
    info: bytes
    piece_layers: Mapping[bytes, bytes]
    files: tuple[SampleFile, ...]

    @property
    def info_hash(self) -> str:
        """The hash that names it: v1 where there is one, else v2; lower-case hex."""
        return self.info_hash_v1 or self.info_hash_v2 or ""

    @property
    def wire_hash(self) -> bytes:
        """The 20 bytes of a v1 handshake or announce; of a v2 torrent its truncated SHA-256."""
        return bytes.fromhex(self.info_hash)[:20]

    @property
    def total_size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def piece_count(self) -> int:
        end = max((file.offset + file.size for file in self.files), default=0)
        return -(-end // self.piece_length)

    def path_of(self, file: SampleFile) -> Path:
        """Where the true bytes of `file` lie on disk."""
        return self.root / file.path if self.single else self.root / self.name / file.path

    def magnet(self, *, trackers: Sequence[str] = (), peers: Sequence[str] = ()) -> str:
        """A magnet URI; `peers` are `host:port`, written as x.pe."""
        parts = []
        if self.info_hash_v1:
            parts.append(f"xt=urn:btih:{self.info_hash_v1}")
        if self.info_hash_v2:
            parts.append(f"xt=urn:btmh:1220{self.info_hash_v2}")
        parts.append(f"dn={quote(self.name)}")
        parts += [f"tr={quote(tracker, safe='')}" for tracker in trackers]
        parts += [f"x.pe={peer}" for peer in peers]
        return "magnet:?" + "&".join(parts)

    def torrent_bytes(self, *, trackers: Sequence[str] = (), web_seeds: Sequence[str] = ()) -> bytes:
        """The .torrent file, with these trackers (a tier each) and web seeds."""
        outer: dict[bytes, Any] = {b"info": _Raw(self.info)}
        if trackers:
            outer[b"announce"] = trackers[0]
            outer[b"announce-list"] = [[tracker] for tracker in trackers]
        if web_seeds:
            outer[b"url-list"] = list(web_seeds)
        if self.piece_layers:
            outer[b"piece layers"] = dict(self.piece_layers)
        body = bytearray(b"d")
        for key in sorted(outer):
            value = outer[key]
            body += bencode(key) + (value.data if isinstance(value, _Raw) else bencode(value))
        return bytes(body + b"e")


@dataclass(frozen=True, slots=True)
class _Raw:
    data: bytes


def content(seed: int, path: str, size: int) -> Iterator[bytes]:
    """The bytes of a file, 1 MiB at a time: a function of (seed, path, place) alone."""
    for at in range(0, size, CHUNK):
        yield random.Random(f"{seed}:{path}:{at}").randbytes(min(CHUNK, size - at))


def copied(source: Path) -> Iterator[bytes]:
    """The bytes of a file, 1 MiB at a time."""
    with source.open("rb") as data:
        while chunk := data.read(CHUNK):
            yield chunk


async def make_torrent(directory: Path, spec: TorrentSpec) -> Sample:
    """Write content and .torrent of `spec` below `directory`, off the event loop (hashlib lets the GIL go)."""
    return await asyncio.to_thread(write_torrent, directory, spec)


def write_torrent(directory: Path, spec: TorrentSpec) -> Sample:
    """Write content and .torrent of `spec` below `directory`; blocking, about 250 MiB/s."""
    directory.mkdir(parents=True, exist_ok=True)
    root = directory / "data"
    maker = _Maker(spec, root)
    maker.run()
    info = bencode(maker.info())
    sample = Sample(
        torrent=directory / "sample.torrent",
        root=root,
        name=spec.name,
        version=spec.version,
        piece_length=spec.piece_length,
        private=spec.private,
        single=spec.single,
        info_hash_v1=None if spec.version == "v2" else hashlib.sha1(info).hexdigest(),  # noqa: S324 - BEP 3
        info_hash_v2=None if spec.version == "v1" else hashlib.sha256(info).hexdigest(),
        info=info,
        piece_layers=maker.layers,
        files=tuple(maker.made),
    )
    sample.torrent.write_bytes(sample.torrent_bytes(trackers=spec.trackers))
    return sample


def save_sample(sample: Sample, path: Path) -> None:
    """Write what is known of `sample` as JSON, for `load_sample`."""
    fields = asdict(sample)
    fields["torrent"], fields["root"] = str(sample.torrent), str(sample.root)
    fields["info"] = sample.info.hex()
    fields["piece_layers"] = {key.hex(): value.hex() for key, value in sample.piece_layers.items()}
    path.write_text(json.dumps(fields))


def load_sample(path: Path) -> Sample:
    """The sample that `save_sample` wrote; KeyError or ValueError if the file is something else."""
    fields = json.loads(path.read_text())
    fields["torrent"], fields["root"] = Path(fields["torrent"]), Path(fields["root"])
    fields["info"] = bytes.fromhex(fields["info"])
    layers = fields["piece_layers"].items()
    fields["piece_layers"] = {bytes.fromhex(key): bytes.fromhex(value) for key, value in layers}
    fields["files"] = tuple(SampleFile(**file) for file in fields["files"])
    return Sample(**fields)


class _PieceHasher:
    """SHA-1 per piece of one continuous stream."""

    def __init__(self, piece_length: int) -> None:
        self._length = piece_length
        self._room = piece_length
        self._hash = hashlib.sha1()  # noqa: S324 - BEP 3 says SHA-1
        self._done: list[bytes] = []

    def feed(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            taken = view[: self._room]
            self._hash.update(taken)
            self._room -= len(taken)
            view = view[len(taken) :]
            if not self._room:
                self._finish()

    def close(self) -> bytes:
        if self._room < self._length:
            self._finish()
        return b"".join(self._done)

    def _finish(self) -> None:
        self._done.append(self._hash.digest())
        self._hash = hashlib.sha1()  # noqa: S324 - BEP 3 says SHA-1
        self._room = self._length


class _Maker:
    """Writes the content once, and hashes it for both versions in the same pass."""

    def __init__(self, spec: TorrentSpec, root: Path) -> None:
        if spec.single and len(spec.files) != 1:
            raise ValueError("a single-file torrent has exactly one file")
        self._spec = spec
        self._root = root
        self._pieces = _PieceHasher(spec.piece_length)
        self._v1_files: list[Bencodable] = []
        self._roots: dict[str, bytes] = {}
        self.layers: dict[bytes, bytes] = {}
        self.made: list[SampleFile] = []

    def run(self) -> None:
        files = list(self._spec.files)
        if self._spec.version != "v1":  # v2 fixes the order: by path component, as bytes
            files.sort(key=lambda file: [part.encode() for part in file.path.split("/")])
        offset = 0
        for file in files:
            if self._spec.version != "v1" and file.size:
                offset = self._align(offset)
            self.made.append(self._write(file, offset))
            offset += file.size

    def _align(self, offset: int) -> int:
        gap = -offset % self._spec.piece_length
        if gap and self._spec.version == "hybrid":
            self._pieces.feed(bytes(gap))
            self._v1_files.append({b"attr": "p", b"length": gap, b"path": [".pad", str(gap)]})
        return offset + gap

    def _write(self, file: FileSpec, offset: int) -> SampleFile:
        place = self._root / file.path if self._spec.single else self._root / self._spec.name / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        digest, tree = hashlib.sha256(), FileTree(self._spec.piece_length)
        with place.open("wb") as out:
            chunks = copied(file.source) if file.source else content(self._spec.seed, file.path, file.size)
            for chunk in chunks:
                out.write(chunk)
                digest.update(chunk)
                if self._spec.version != "v2":
                    self._pieces.feed(chunk)
                if self._spec.version != "v1":
                    tree.feed(chunk)
        if self._spec.version != "v1" and file.size:
            self._roots[file.path], layer = tree.close()
            if layer:
                self.layers[self._roots[file.path]] = layer
        self._v1_files.append({b"length": file.size, b"path": file.path.split("/")})
        return SampleFile(path=file.path, size=file.size, offset=offset, sha256=digest.hexdigest())

    def info(self) -> dict[bytes, Bencodable]:
        spec = self._spec
        info: dict[bytes, Bencodable] = {b"name": spec.name, b"piece length": spec.piece_length}
        if spec.private:
            info[b"private"] = 1
        if spec.version != "v2":
            info[b"pieces"] = self._pieces.close()
            if spec.single:
                info[b"length"] = spec.files[0].size
            else:
                info[b"files"] = self._v1_files
        if spec.version != "v1":
            info[b"meta version"] = 2
            info[b"file tree"] = self._tree()
        return info

    def _tree(self) -> dict[bytes, Bencodable]:
        tree: dict[bytes, Any] = {}
        for file in self.made:
            node = tree
            for part in file.path.split("/"):
                node = node.setdefault(part.encode(), {})
            leaf: dict[bytes, Bencodable] = {b"length": file.size}
            if file.size:
                leaf[b"pieces root"] = self._roots[file.path]
            node[b""] = leaf
        return tree
