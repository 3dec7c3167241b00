"""A file of subtitles, as browsers take them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from tseeder_gateway.adapters.object_reader import BodyBrokenError
from tseeder_gateway.adapters.subtitles import Subtitles, unreadable
from tseeder_gateway.domain.memory_budget import Held, MemoryBudget
from tseeder_gateway.domain.ranges import ByteRange
from tseeder_gateway.domain.recent import Recent
from tseeder_gateway.domain.webvtt import MAX_BYTES, format_of
from tseeder_gateway.usecases.open_content import OpenContent, OpenedFile
from tseeder_kit.errors import AppError, Kind, conflict, too_large, unavailable, unprocessable

_VERSION: Final = b"1"
"""Of how they are converted: another one, another ETag."""


@dataclass(frozen=True)
class Converted:
    """What all such answers share: the converter, how many bytes they hold (of files, and then of answers until those
    are sent), and which were `unreadable`, by the ETags that they would have: each try takes seconds of a processor."""

    subtitles: Subtitles
    memory: MemoryBudget
    unreadable: Recent


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


def refuse_unreadable(made: Converted, file: SubtitleFile) -> None:
    """UNPROCESSABLE `subtitles_unreadable`, if that was found out lately."""
    if file.etag in made.unreadable:
        raise unreadable()


async def read_subtitles(made: Converted, source: OpenContent, file: SubtitleFile, held: Held, user_id: str) -> bytes:
    """As WebVTT. What is not stored yet is waited for, as a read of it does. What is answered is `held`, until the
    caller releases that, however this ends.

    Raises what `OpenContent.read` does; UNAVAILABLE `storage_unavailable`, `subtitles_busy`; EXHAUSTED
    `too_many_subtitles`; UNPROCESSABLE `subtitles_unreadable`.
    """
    refuse_unreadable(made, file)
    size = file.opened.content.size_bytes
    try:
        held.reach(size)
        data = b""
        async with source.read(file.opened, ByteRange(0, size - 1)) as chunks:
            async for chunk in chunks:
                data += chunk
    except BodyBrokenError as exc:
        raise _unavailable() from exc
    try:
        text = await made.subtitles.convert(data, file.written, user_id)
    except AppError as exc:
        if exc.kind is Kind.UNPROCESSABLE:
            made.unreadable.note(file.etag)
        raise
    held.reach(len(text))
    held.keep(len(text))
    return text


def _unavailable() -> AppError:
    return unavailable("storage_unavailable", "The object store does not give the file at the moment.")
