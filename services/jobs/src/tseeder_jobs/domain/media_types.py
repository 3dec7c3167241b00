"""The media type that a file is shown and served with, and the broad type that it is looked for by: by extension, from
this list, and nothing else is claimed.

What a browser would run (HTML, SVG, XML, scripts) is not on it on purpose.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

UNKNOWN: Final = "application/octet-stream"


class FileType(StrEnum):
    """What people call a file. OTHER: its extension is not on the list."""

    VIDEO = "video"
    AUDIO = "audio"
    IMAGE = "image"
    TEXT = "text"
    DOCUMENT = "document"
    ARCHIVE = "archive"
    OTHER = "other"


_LIST: Final[Mapping[FileType, Mapping[str, str]]] = MappingProxyType(
    {
        FileType.VIDEO: {
            "video/mp4": "mp4 m4v",
            "video/x-matroska": "mkv",
            "video/webm": "webm",
            "video/x-msvideo": "avi",
            "video/quicktime": "mov",
            "video/mpeg": "mpg mpeg m2v",
            "video/mp2t": "ts m2ts mts",
            "video/x-ms-wmv": "wmv",
            "video/x-flv": "flv",
            "video/ogg": "ogv",
        },
        FileType.AUDIO: {
            "audio/mpeg": "mp3",
            "audio/mp4": "m4a m4b",
            "audio/aac": "aac",
            "audio/flac": "flac",
            "audio/ogg": "ogg oga opus",
            "audio/wav": "wav",
            "audio/x-ms-wma": "wma",
        },
        FileType.IMAGE: {
            "image/jpeg": "jpg jpeg",
            "image/png": "png",
            "image/gif": "gif",
            "image/webp": "webp",
            "image/avif": "avif",
            "image/bmp": "bmp",
        },
        FileType.TEXT: {
            "text/plain": "txt nfo log md srt sub ass ssa",
            "text/vtt": "vtt",
        },
        FileType.DOCUMENT: {
            "application/pdf": "pdf",
            "application/epub+zip": "epub",
        },
        FileType.ARCHIVE: {
            "application/zip": "zip",
            "application/vnd.rar": "rar",
            "application/x-7z-compressed": "7z",
            "application/gzip": "gz tgz",
            "application/x-xz": "xz",
            "application/zstd": "zst",
            "application/x-bzip2": "bz2",
            "application/x-tar": "tar",
            "application/x-iso9660-image": "iso",
        },
    }
)
_BY_EXTENSION: Final = MappingProxyType(
    {ext: kind for kinds in _LIST.values() for kind, exts in kinds.items() for ext in exts.split()}
)
_FILE_TYPES: Final = MappingProxyType(
    {ext: file_type for file_type, kinds in _LIST.items() for exts in kinds.values() for ext in exts.split()}
)


def media_type(path: Sequence[str], sniffed: str | None = None) -> str:
    """Of a file by its path's last element, else what its first bytes were found to be; `application/octet-stream` for
    what is not on the list."""
    return _BY_EXTENSION.get(_extension(path), sniffed or UNKNOWN)


def listed_type(media_type: str) -> str:
    """It, if it is on the list; `application/octet-stream` otherwise."""
    return media_type if any(media_type in kinds for kinds in _LIST.values()) else UNKNOWN


def is_media(media_type: str) -> bool:
    """Whether it is video or audio."""
    return media_type.startswith(("video/", "audio/"))


def _extension(path: Sequence[str]) -> str:
    """Lower case by ASCII alone, as SQL does it; "" for a name without one."""
    _, dot, extension = path[-1].rpartition(".")
    return extension.lower() if dot and extension.isascii() else ""


@dataclass(frozen=True, slots=True)
class Extensions:
    """Which files are meant, by their extensions: those of `listed`; where `others`, all but those."""

    listed: tuple[str, ...]
    others: bool


def extensions_of(types: Collection[FileType]) -> Extensions:
    """Those of any of these types; none given: of all."""
    if not types:
        return Extensions((), others=True)
    others = FileType.OTHER in types
    return Extensions(tuple(ext for ext, kind in _FILE_TYPES.items() if (kind in types) != others), others=others)
