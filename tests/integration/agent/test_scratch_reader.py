import asyncio
import hashlib
import itertools
import resource
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tseeder_agent.adapters.scratch_reader import ReadOutcome, ScratchReader, Staged
from tseeder_agent.domain.parts import Part, parts_of
from tseeder_agent.domain.piece_hashes import PieceHasher, PieceHashes, V1Hashes
from tseeder_agent.domain.staged import Slot, StagedLayout
from tseeder_testkit.bencoding import bdecode
from tseeder_testkit.torrents import KIB, MIB, FileSpec, Sample, TorrentSpec, write_torrent


@pytest.fixture
def reader() -> Iterator[ScratchReader]:
    reader = ScratchReader()
    yield reader
    reader.close()


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    files = (FileSpec("a", 3 * MIB + 11), FileSpec("b", 10 * KIB), FileSpec("c", MIB))
    return write_torrent(tmp_path, TorrentSpec(files=files, piece_length=512 * KIB))


def staged(sample: Sample, folder: Path) -> Staged:
    """The sample's files as libtorrent would have staged them."""
    folder.mkdir()
    for number, file in enumerate(sample.files):
        (folder / str(number)).write_bytes(sample.path_of(file).read_bytes())
    info = bdecode(sample.info)
    assert isinstance(info, dict)
    pieces = info[b"pieces"]
    assert isinstance(pieces, bytes)
    layout = StagedLayout(Slot(number, file.offset, file.size) for number, file in enumerate(sample.files))
    return Staged(folder, layout, V1Hashes(pieces, sample.piece_length, sample.total_size), sample.piece_length)


def part(sample: Sample, index: int, number: int, part_size: int = MIB) -> Part:
    file = sample.files[index]
    return parts_of(index, file.offset, file.size, part_size)[number - 1]


async def read(reader: ScratchReader, book: Staged, wanted: Part, *, with_sha256: bool = False) -> ReadOutcome:
    return await reader.read(book, wanted, memoryview(bytearray(wanted.size)), with_sha256=with_sha256)


async def test_a_part_comes_with_its_checksums(reader: ScratchReader, sample: Sample, tmp_path: Path) -> None:
    book = staged(sample, tmp_path / "f")
    outcome = await read(reader, book, part(sample, 0, 4), with_sha256=True)
    data = sample.path_of(sample.files[0]).read_bytes()[3 * MIB :]
    assert outcome.part is not None
    assert outcome.part.data == data
    assert outcome.part.crc32 == zlib.crc32(data)
    assert outcome.part.sha256 == hashlib.sha256(data).digest()
    assert book.proved == {6}


async def test_a_wrong_byte_is_seen_also_outside_the_part(
    reader: ScratchReader, sample: Sample, tmp_path: Path
) -> None:
    book = staged(sample, tmp_path / "f")
    small = tmp_path / "f" / "1"
    right = small.read_bytes()
    small.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    outcome = await read(reader, book, part(sample, 0, 4))  # shares piece 6 with b and c
    assert outcome.part is None
    assert outcome.wrong == (6,)
    small.write_bytes(right)
    assert (await read(reader, book, part(sample, 0, 4))).part is not None
    assert (await read(reader, book, part(sample, 1, 1))).part is not None


async def test_a_piece_is_hashed_once_and_again_when_it_is_in_doubt(
    reader: ScratchReader, sample: Sample, tmp_path: Path
) -> None:
    book = staged(sample, tmp_path / "f")
    assert (await read(reader, book, part(sample, 2, 1))).part is not None
    first = (tmp_path / "f" / "0").read_bytes()
    (tmp_path / "f" / "0").write_bytes(first[:-1] + bytes([first[-1] ^ 1]))
    assert (await read(reader, book, part(sample, 2, 1))).part is not None
    book.doubt([6])
    assert (await read(reader, book, part(sample, 2, 1))).wrong == (6,)


async def test_a_file_that_is_too_short_or_a_link_is_not_read(
    reader: ScratchReader, sample: Sample, tmp_path: Path
) -> None:
    book = staged(sample, tmp_path / "f")
    (tmp_path / "f" / "0").write_bytes(b"x" * MIB)
    assert (await read(reader, book, part(sample, 0, 3))).wrong == (4, 5)
    (tmp_path / "f" / "2").unlink()
    with pytest.raises(FileNotFoundError):
        await read(reader, book, part(sample, 2, 1))
    (tmp_path / "f" / "2").symlink_to(sample.path_of(sample.files[2]))
    with pytest.raises(OSError, match="symbolic links"):
        await read(reader, book, part(sample, 2, 1))


class Held:
    """Hashes that begin with piece `at` only once they are let go: a reading thread waits between read and check."""

    def __init__(self, inner: PieceHashes, at: int) -> None:
        self._inner = inner
        self._at = at
        self.reached = threading.Event()
        self.go = threading.Event()

    def size(self, piece: int) -> int:
        return self._inner.size(piece)

    def hasher(self, piece: int) -> PieceHasher | None:
        if piece == self._at:
            self.reached.set()
            assert self.go.wait(10)
        return self._inner.hasher(piece)


async def test_what_was_read_before_a_piece_was_proved_is_checked_all_the_same(
    reader: ScratchReader, sample: Sample, tmp_path: Path
) -> None:
    book = staged(sample, tmp_path / "f")
    path = tmp_path / "f" / "0"
    right = path.read_bytes()
    path.write_bytes(right[:MIB] + bytes(2 * MIB) + right[3 * MIB :])  # pieces 2 to 5 are not on disk yet
    held = Held(book.hashes, 2)
    early = asyncio.create_task(read(reader, replace(book, hashes=held, proved=book.proved), part(sample, 0, 2)))
    await asyncio.to_thread(held.reached.wait, 10)
    path.write_bytes(right)
    half = part(sample, 0, 4, 512 * KIB)  # piece 3
    assert (await read(reader, book, half)).proved == (3,)
    held.go.set()
    assert (await early).wrong == (2, 3)


async def test_what_is_doubted_while_it_is_read_is_not_proved(
    reader: ScratchReader, sample: Sample, tmp_path: Path
) -> None:
    book = staged(sample, tmp_path / "f")
    held = Held(book.hashes, 2)
    book.hashes = held
    reading = asyncio.create_task(read(reader, book, part(sample, 0, 2)))
    await asyncio.to_thread(held.reached.wait, 10)
    book.doubt([3])
    held.go.set()
    assert (await reading).part is not None
    assert book.proved == set()


@contextmanager
def few_descriptors(more: int) -> Iterator[None]:
    """At most `more` files beyond those that are open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = {int(each.name) for each in Path("/proc/self/fd").iterdir()}
    limit = next(number for number in itertools.count(more) if number - sum(each < number for each in used) == more)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_piece_may_lie_on_more_files_than_can_be_open(reader: ScratchReader, tmp_path: Path) -> None:
    files = tuple(FileSpec(f"{number:03}", KIB) for number in range(300))
    sample = write_torrent(tmp_path, TorrentSpec(files=files, piece_length=512 * KIB))
    book = staged(sample, tmp_path / "f")
    with few_descriptors(100):
        outcome = await read(reader, book, part(sample, 150, 1))
    assert outcome.proved == (0,)
