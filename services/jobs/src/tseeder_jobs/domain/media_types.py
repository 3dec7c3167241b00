"""The media type that a file is shown and served with: by extension, from this list, and nothing else is claimed.

What a browser would run (HTML, SVG, XML, scripts) is not on it on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

UNKNOWN: Final = "application/octet-stream"

_BY_TYPE: Final[Mapping[str, str]] = MappingProxyType(
    {
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
        "audio/mpeg": "mp3",
        "audio/mp4": "m4a m4b",
        "audio/aac": "aac",
        "audio/flac": "flac",
        "audio/ogg": "ogg oga opus",
        "audio/wav": "wav",
        "audio/x-ms-wma": "wma",
        "image/jpeg": "jpg jpeg",
        "image/png": "png",
        "image/gif": "gif",
        "image/webp": "webp",
        "image/avif": "avif",
        "image/bmp": "bmp",
        "text/plain": "txt nfo log md srt sub ass ssa",
        "text/vtt": "vtt",
        "application/pdf": "pdf",
        "application/epub+zip": "epub",
        "application/zip": "zip",
        "application/vnd.rar": "rar",
        "application/x-7z-compressed": "7z",
        "application/gzip": "gz tgz",
        "application/x-xz": "xz",
        "application/zstd": "zst",
        "application/x-bzip2": "bz2",
        "application/x-tar": "tar",
        "application/x-iso9660-image": "iso",
    }
)
_BY_EXTENSION: Final = MappingProxyType({ext: kind for kind, exts in _BY_TYPE.items() for ext in exts.split()})


def media_type(path: Sequence[str]) -> str:
    """Of a file by its path's last element; `application/octet-stream` for what is not on the list."""
    _, dot, extension = path[-1].rpartition(".")
    return _BY_EXTENSION.get(extension.lower(), UNKNOWN) if dot else UNKNOWN
