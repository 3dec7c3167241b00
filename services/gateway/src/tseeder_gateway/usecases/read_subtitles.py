"""A file of subtitles, as browsers take them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from tseeder_gateway.adapters.object_reader import BodyBrokenError
from tseeder_gateway.adapters.subtitles import Subtitles
from tseeder_gateway.domain.memory_budget import MemoryBudget
from tseeder_gateway.domain.ranges import ByteRange
from tseeder_gateway.domain.webvtt import MAX_BYTES, format_of
from tseeder_gateway.usecases.open_content import OpenContent, OpenedFile
from tseeder_kit.errors import AppError, conflict, too_large, unavailable, unprocessable

_VERSION: Final = b"1"
"""Of how they are converted: another one, another ETag."""


@dataclass(frozen=True)
class Converted:
    """What all such answers share: the converter, and how many bytes of files they hold meanwhile."""

    subtitles: Subtitles
    memory: MemoryBudget


@dataclass(frozen=True)
class SubtitleFile:
    """A file of subtitles, which is not read yet; `etag` is that of what it is converted to."""

    opened: OpenedFile
    written: str
    etag: str


async def open_subtitles(source: OpenContent) -> SubtitleFile:
    """Raises what `OpenContent.open` does; CONFLICT `not_subtitles`; TOO_LARGE `subtitles_too_large`; UNPROCESSABLE
    `subtitles_unreadable` for a file without bytes."""
    opened = await source.open()
    written = format_of(opened.content.name)
    if written is None:
        raise conflict("not_subtitles", "Only .srt, .ass, .ssa and .vtt files are subtitles here.")
    if opened.content.size_bytes > MAX_BYTES:
        raise too_large("subtitles_too_large", "The file is too large for subtitles.", limit_bytes=MAX_BYTES)
    if not opened.content.size_bytes:
        raise unprocessable("subtitles_unreadable", "The file is empty.")
    tag = hashlib.sha256(b"\0".join((_VERSION, written.encode(), opened.content.etag.encode()))).hexdigest()[:32]
    return SubtitleFile(opened, written, f'"{tag}"')


async def read_subtitles(made: Converted, source: OpenContent, file: SubtitleFile, user_id: str) -> bytes:
    """As WebVTT. What is not stored yet is waited for, as a read of it does.

    Raises what `OpenContent.read` does; UNAVAILABLE `storage_unavailable`, `subtitles_busy`; EXHAUSTED
    `too_many_subtitles`; UNPROCESSABLE `subtitles_unreadable`.
    """
    held = made.memory.hold(user_id)
    size = file.opened.content.size_bytes
    try:
        held.reach(size)
        data = b""
        async with source.read(file.opened, ByteRange(0, size - 1)) as chunks:
            async for chunk in chunks:
                data += chunk
        return await made.subtitles.convert(data, file.written)
    except BodyBrokenError as exc:
        raise _unavailable() from exc
    finally:
        held.release()


def _unavailable() -> AppError:
    return unavailable("storage_unavailable", "The object store does not give the file at the moment.")
