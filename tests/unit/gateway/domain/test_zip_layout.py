"""Archives, as Python's zipfile and Info-ZIP read them; and any range of one, which is that of the whole."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.gateway.domain.zips import AT, GIB, Entry, VirtualZip, layout_of
from tseeder_gateway.domain.ranges import ByteRange
from tseeder_gateway.domain.zip_layout import ZipLayout

NAMES = st.text("ab/é映 .", min_size=1, max_size=40)
ENTRIES = st.lists(st.builds(Entry, NAMES, st.binary(max_size=60)), max_size=8, unique_by=lambda entry: entry.name)
OVER_32_BITS = 4 * GIB + 5
AT_THE_EDGE = 0xFFFFFFFF


def whole(archive: VirtualZip) -> bytes:
    """All of it."""
    return archive.range(ByteRange(0, archive.layout.size_bytes - 1))


@given(ENTRIES)
@example([])
def test_zipfile_reads_what_was_put_in(entries: list[Entry]) -> None:
    data = whole(VirtualZip(entries))
    assert len(data) == layout_of(entries).size_bytes
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert read.testzip() is None
        assert [(each.filename, read.read(each)) for each in read.infolist()] == [(e.name, e.content) for e in entries]
        for each in read.infolist():
            assert each.date_time == (2026, 11, 20, 10, 30, 58)
            assert each.compress_type == zipfile.ZIP_STORED
            assert each.external_attr >> 16 == 0o100644
            assert each.flag_bits == 0x800


@given(ENTRIES, st.data())
def test_any_range_is_that_of_the_whole(entries: list[Entry], data: st.DataObject) -> None:
    archive = VirtualZip(entries)
    expected = whole(archive)
    first = data.draw(st.integers(0, len(expected) - 1))
    last = data.draw(st.integers(first, len(expected) - 1))
    assert archive.range(ByteRange(first, last)) == expected[first : last + 1]


def test_every_range_of_a_small_one() -> None:
    archive = VirtualZip([Entry("a", b"xyz"), Entry("empty"), Entry("b/ü", b"12")])
    expected = whole(archive)
    for first in range(len(expected)):
        for last in range(first, len(expected)):
            assert archive.range(ByteRange(first, last)) == expected[first : last + 1]


LARGE = {
    "an entry above 4 GiB": [Entry("first", b"1"), Entry("large", b"begin", OVER_32_BITS), Entry("after", b"the end")],
    "entries that begin above 4 GiB": [*(Entry(f"{n}", b"x", 3 * GIB) for n in range(3)), Entry("after", b"the end")],
    "a size that is the sign of zip64": [Entry("large", b"", AT_THE_EDGE), Entry("after", b"the end")],
    "a size below it": [Entry("large", b"", AT_THE_EDGE - 1), Entry("after", b"the end")],
    "an entry that begins at that offset": [Entry("large", b"", AT_THE_EDGE - 35), Entry("after", b"the end")],
    "a directory that begins there": [Entry("large", b"", AT_THE_EDGE - 35)],
}


@pytest.mark.parametrize("name", LARGE)
def test_what_does_not_fit_32_bits(name: str) -> None:
    entries = LARGE[name]
    archive = VirtualZip(entries)
    with zipfile.ZipFile(io.BufferedReader(archive)) as read:
        assert [(each.filename, each.file_size, each.CRC) for each in read.infolist()] == [
            (entry.name, entry.size, entry.crc32) for entry in entries
        ]
        for entry in entries:
            with read.open(entry.name) as opened:
                assert opened.read(5) == entry.read(ByteRange(0, min(5, entry.size) - 1))
        if entries[-1].name == "after":
            assert read.read("after") == b"the end"


@pytest.mark.parametrize("count", [65_534, 65_535, 70_000])
def test_more_entries_than_16_bits_count(count: int) -> None:
    entries = [Entry(f"folder {number // 100}/{number}", b"%d" % number) for number in range(count)]
    archive = VirtualZip(entries)
    data = whole(archive)
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert len(read.infolist()) == count
        assert read.read(entries[-1].name) == entries[-1].content
    # Python counts for itself. 4.3.14 and 4.3.16: the counts of the zip64 record, if there is one, and of the other.
    signature, counted = struct.unpack_from("<4s20xQ", data, len(data) - 98)
    assert (signature == b"PK\x06\x06") == (count >= 65_535)
    assert struct.unpack_from("<H", data, len(data) - 12)[0] == min(count, 65_535)
    assert count < 65_535 or counted == count
    shuffled = random.Random(7)
    for _ in range(20):
        first = shuffled.randrange(len(data))
        last = min(first + shuffled.randrange(300_000), len(data) - 1)
        assert archive.range(ByteRange(first, last)) == data[first : last + 1]
    assert archive.layout.memory_bytes < 64 * count


@pytest.mark.unzip
def test_info_zip_finds_nothing_wrong(tmp_path: Path) -> None:
    path = tmp_path / "some.zip"
    path.write_bytes(whole(VirtualZip([Entry("Füße/映画.mkv", b"film"), Entry("empty"), Entry("a b", b"\0" * 5000)])))
    checked(path)


@pytest.mark.unzip
@pytest.mark.faults
def test_info_zip_reads_an_entry_above_4_gib(tmp_path: Path) -> None:
    """From a sparse file: what is zero is not written."""
    path = tmp_path / "large.zip"
    archive = VirtualZip(LARGE["an entry above 4 GiB"])
    with path.open("wb") as file:
        for piece in archive.layout.pieces(ByteRange(0, archive.layout.size_bytes - 1)):
            file.write(piece.before)
            if piece.slice is not None:
                entry = archive.entries[piece.slice.file_index]
                file.write(entry.content)
                file.seek(entry.zeros, io.SEEK_CUR)
    checked(path)


def checked(path: Path) -> None:
    """Both programs read all of it."""
    for command in (["unzip", "-tqq", str(path)], [sys.executable, "-m", "zipfile", "-t", str(path)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_etag_is_that_of_the_bytes() -> None:
    entries = [Entry("a", b"1"), Entry("b", b"2")]
    etag = layout_of(entries).etag
    assert etag == layout_of(list(entries)).etag
    others = [
        layout_of(entries[:1]),
        layout_of(entries[::-1]),
        layout_of([Entry("a", b"1"), Entry("c", b"2")]),
        layout_of([Entry("a", b"1"), Entry("b", b"3")]),
        layout_of(entries, AT.replace(hour=11)),
    ]
    assert len({etag, *(each.etag for each in others)}) == 6


def test_other_bytes_of_the_same_crc32_are_another_archive() -> None:
    def etag(entry_id: bytes) -> str:
        layout = ZipLayout(AT)
        layout.add("a", size_bytes=1, crc32=5, file_index=0, entry_id=entry_id)
        layout.close()
        return layout.etag

    assert etag(bytes(16)) != etag(bytes([1] * 16))


@pytest.mark.parametrize(
    ("year", "shown"), [(1970, (1980, 1, 1, 0, 0, 0)), (2107, (2107, 5, 6, 7, 8, 8)), (3000, (2107, 5, 6, 7, 8, 8))]
)
def test_years_that_a_zip_cannot_name(year: int, shown: tuple[int, ...]) -> None:
    archive = VirtualZip([Entry("a")])
    archive.layout = layout_of(archive.entries, datetime(year, 5, 6, 7, 8, 9, tzinfo=UTC))
    with zipfile.ZipFile(io.BytesIO(whole(archive))) as read:
        assert read.infolist()[0].date_time == shown
