"""Small films, made once by FFmpeg."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from tseeder_jobs.adapters.probe_door import FileGoneError
from tseeder_kit.errors import unavailable

SUBTITLES: Final = "1\n00:00:00,000 --> 00:00:01,000\nHello\n"
Fetch = Callable[[int, int], Awaitable[bytes]]


def ffprobe() -> Path:
    """Where it is."""
    found = shutil.which("ffprobe")
    assert found is not None
    return Path(found)


async def films(folder: Path) -> dict[str, bytes]:
    """Two seconds of a test picture and a tone, in many formats."""
    await asyncio.to_thread((folder / "subtitles.srt").write_text, SUBTITLES)
    video = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")
    outputs = (
        *("-map", "0", "-map", "1", *video, "film.mp4"),
        *("-map", "0", "-map", "1", "-map", "2", *video, "-c:s", "srt"),
        *("-metadata:s:a:0", "language=ger", "-metadata:s:s:0", "language=eng", "-metadata:s:s:0", "title=For all"),
        *("film.mkv", "-map", "0", "-map", "1", *video, "film.ts"),
        *("-map", "0", "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "film.webm"),
        *("-map", "1", "song.mp3", "-map", "1", "song.flac", "-map", "1", "-c:a", "libvorbis", "song.ogg"),
        *("-map", "0", "-c:v", "mpeg4", "film.avi", "-map", "1", "song.wav"),
    )
    process = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=2"),
        *("-f", "lavfi", "-i", "sine=duration=2", "-i", "subtitles.srt", *outputs),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    return await asyncio.to_thread(_made_in, folder)


def _made_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".srt"}


def bytes_of(data: bytes) -> Fetch:
    """Of a file that is all there."""

    async def fetch(first: int, last: int) -> bytes:
        return data[first : last + 1]

    return fetch


async def nothing(first: int, last: int) -> bytes:
    """Of a file that cannot be had."""
    raise unavailable("service_unavailable", f"{first}-{last}")


async def never(first: int, last: int) -> bytes:
    """Of a file whose bytes do not come."""
    await asyncio.Event().wait()
    return b""


async def gone(first: int, last: int) -> bytes:
    """Of a file that is not there."""
    raise FileGoneError(f"{first}-{last}")


async def defective(first: int, last: int) -> bytes:
    """By a mistake of ours."""
    raise RuntimeError(f"{first}-{last}")
