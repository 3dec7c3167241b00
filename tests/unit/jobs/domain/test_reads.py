"""What readers are told about a file."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from tseeder_jobs.domain.media_types import UNKNOWN, media_type
from tseeder_jobs.domain.reads import attachment, etag

ENTRY = UUID("0192aaaa-0000-7000-8000-000000000001")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("film.mkv", "video/x-matroska"),
        ("FILM.MP4", "video/mp4"),
        ("song.flac", "audio/flac"),
        ("archive.tar.gz", "application/gzip"),
        ("page.html", UNKNOWN),
        ("drawing.svg", UNKNOWN),
        ("script.js", UNKNOWN),
        ("feed.xml", UNKNOWN),
        ("mp4", UNKNOWN),
        ("none.", UNKNOWN),
        (".mp4", "video/mp4"),
    ],
)
def test_media_type_by_extension_only_from_the_list(name: str, expected: str) -> None:
    assert media_type(["folder.mp4", name]) == expected


def test_an_etag_is_strong_stable_and_of_one_entry() -> None:
    assert re.fullmatch(r'"[0-9a-f]{32}"', etag(ENTRY))
    assert etag(ENTRY) == etag(UUID(str(ENTRY)))
    assert etag(ENTRY) != etag(UUID(int=ENTRY.int + 1))


@pytest.mark.parametrize(
    "name", ['a"b.mp4', "x\r\nSet-Cookie: a=b", "Grüße/;.txt", "\N{RIGHT-TO-LEFT OVERRIDE}exe.gpj", "\0"]
)
def test_a_name_cannot_break_out_of_its_header(name: str) -> None:
    header = attachment(name)
    assert re.fullmatch(r"attachment; filename\*=UTF-8''[A-Za-z0-9%._~-]+", header)
