"""What a file is called by its extension, and which extensions are meant by a type."""

from __future__ import annotations

import pytest

from tseeder_jobs.domain.media_types import UNKNOWN, Extensions, FileType, extensions_of, media_type

ONE_OF_EACH = {
    FileType.VIDEO: "mkv",
    FileType.AUDIO: "flac",
    FileType.IMAGE: "png",
    FileType.TEXT: "srt",
    FileType.DOCUMENT: "pdf",
    FileType.ARCHIVE: "iso",
    FileType.OTHER: "exe",
}


def means(meant: Extensions, extension: str) -> bool:
    return (extension in meant.listed) != meant.others


@pytest.mark.parametrize("kind", FileType)
def test_a_type_is_its_own_extensions_and_no_others(kind: FileType) -> None:
    meant = extensions_of({kind})
    assert [other for other, extension in ONE_OF_EACH.items() if means(meant, extension)] == [kind]
    assert means(meant, "") == (kind is FileType.OTHER)


def test_several_types_and_none() -> None:
    meant = extensions_of({FileType.VIDEO, FileType.OTHER})
    assert [means(meant, extension) for extension in ("mkv", "exe", "", "flac")] == [True, True, True, False]
    assert all(means(extensions_of(set()), extension) for extension in ("mkv", "exe", ""))


def test_case_is_of_ascii_alone() -> None:
    """As in SQL: the sign of Kelvin is no k."""
    assert (media_type(["x.MKV"]), media_type(["x.m\u212av"])) == ("video/x-matroska", UNKNOWN)
