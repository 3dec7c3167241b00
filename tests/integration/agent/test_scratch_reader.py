import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tseeder_agent.adapters.scratch_reader import ReadOutcome, ScratchReader, Staged
from tseeder_agent.domain.parts import Part, parts_of
from tseeder_agent.domain.piece_hashes import V1Hashes
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
