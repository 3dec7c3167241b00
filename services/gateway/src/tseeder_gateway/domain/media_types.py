"""Which media types leave the gateway, and which of them a browser may show in place.

jobs names a file's media type by its extension; what is not in these two lists leaves as a download of unknown bytes.
Neither list may hold a type that a browser runs as a document or a script (HTML, SVG, XML, PDF in place).
"""

from __future__ import annotations

from typing import Final

OCTETS: Final = "application/octet-stream"

INLINE: Final = frozenset(
    {
        "audio/aac",
        "audio/flac",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/opus",
        "audio/wav",
        "audio/webm",
        "audio/x-matroska",
        "image/avif",
        "image/bmp",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/plain",
        "text/vtt",
        "video/mp2t",
        "video/mp4",
        "video/mpeg",
        "video/ogg",
        "video/quicktime",
        "video/webm",
        "video/x-matroska",
        "video/x-msvideo",
    }
)

DOWNLOAD: Final = frozenset(
    {
        "application/epub+zip",
        "application/gzip",
        "application/pdf",
        "application/vnd.rar",
        "application/x-7z-compressed",
        "application/x-bzip2",
        "application/x-bittorrent",
        "application/x-iso9660-image",
        "application/x-subrip",
        "application/x-tar",
        "application/x-xz",
        "application/zip",
        "application/zstd",
        "audio/x-ms-wma",
        "video/x-flv",
        "video/x-ms-wmv",
    }
)


def served_as(media_type: str) -> tuple[str, bool]:
    """(Content-Type, whether a browser may show it in place) for a file of this media type."""
    plain = media_type.partition(";")[0].strip().lower()
    if plain in INLINE:
        return plain, True
    return (plain if plain in DOWNLOAD else OCTETS), False
