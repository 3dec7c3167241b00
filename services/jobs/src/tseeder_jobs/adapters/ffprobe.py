"""ffprobe, kept from everything but the bytes of one file: what it parses, a stranger wrote."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from tseeder_jobs.adapters import ffprobe_process
from tseeder_jobs.adapters.probe_door import Door, Fetch, open_door
from tseeder_jobs.domain.media_facts import READERS, MediaFacts, parse_facts
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter, histogram

BUDGET_BYTES: Final = 64 << 20
"""Of one file."""
OUTPUT_BYTES: Final = 1 << 20
MEMORY_BYTES: Final = 1 << 30
"""Address space: its libraries take a quarter of it."""
CPU_SECONDS: Final = 20
_ARGUMENTS: Final = (
    *("-v", "quiet", "-hide_banner", "-print_format", "json=compact=1"),
    *("-protocol_whitelist", "http,tcp", "-format_whitelist", READERS),
    *("-probesize", "8000000", "-analyzeduration", "8000000", "-max_streams", "256", "-threads", "1"),
    "-show_entries",
    "format=format_name,duration,bit_rate:format_tags=major_brand"
    ":stream=codec_type,codec_name,width,height,avg_frame_rate,channels"
    ":stream_tags=language,title:stream_disposition=attached_pic",
    "-i",
)

_probes = counter("jobs_probes", "Looks of ffprobe into media files, by how they ended", ("outcome",))
_seconds = histogram("jobs_probe_seconds", "How long they took")
_log = get_logger(__name__)


class Outcome(StrEnum):
    """FOUND: there are facts. NONE: it is no media that ffprobe reads here. FAILED: it took too much, or died of it;
    another time that may be otherwise. NOT_NOW: the bytes, or ffprobe itself, were not there."""

    FOUND = "found"
    NONE = "none"
    FAILED = "failed"
    NOT_NOW = "not_now"


@dataclass(frozen=True, slots=True)
class Probed:
    """`facts` where it is FOUND."""

    outcome: Outcome
    facts: MediaFacts | None = None


class Prober:
    """Runs `program`, an ffprobe of FFmpeg 5 or later, on `budget_bytes` of each file at most."""

    def __init__(self, program: Path, *, budget_bytes: int = BUDGET_BYTES) -> None:
        self._program = program
        self._budget = budget_bytes

    async def probe(self, fetch: Fetch, size: int, seconds: float) -> Probed:
        """What is in a file of `size` bytes, in so many `seconds` at most. Raises nothing for what the file, its source
        or ffprobe does."""
        with _seconds.time():
            probed = await self._probe(fetch, size, seconds)
        _probes.labels(probed.outcome).inc()
        return probed

    async def _probe(self, fetch: Fetch, size: int, seconds: float) -> Probed:
        async with open_door(fetch, size, self._budget) as door:
            try:
                async with asyncio.timeout(seconds):
                    code, output = await self._run(door)
            except TimeoutError:
                code, output = -1, b""
            except OSError as exc:
                _log.error("ffprobe_not_started", cause=type(exc).__name__)
                return Probed(Outcome.NOT_NOW)
        if door.failed is not None:
            _log.info("probe_without_bytes", code=door.failed.code)
            return Probed(Outcome.NOT_NOW)
        if code == ffprobe_process.NOT_STARTED:
            _log.error("ffprobe_not_started", cause="exec")
            return Probed(Outcome.NOT_NOW)
        facts = parse_facts(output, size) if code == 0 else None
        if facts is not None:
            return Probed(Outcome.FOUND, facts)
        return Probed(Outcome.FAILED if code < 0 or door.spent else Outcome.NONE)

    async def _run(self, door: Door) -> tuple[int, bytes]:
        """Its exit code (negative: the signal that ended it) and what it said."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", ffprobe_process.__file__),
            *(str(os.getpid()), str(MEMORY_BYTES), str(CPU_SECONDS), str(door.port)),
            *(str(self._program), *_ARGUMENTS, door.url),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd="/",
            env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},  # Python's own
        )
        try:
            output = await _all_of(process.stdout) if process.stdout is not None else b""
            if len(output) > OUTPUT_BYTES:
                process.kill()
            return await process.wait(), output
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _all_of(stream: asyncio.StreamReader) -> bytes:
    """To its end, or a little beyond OUTPUT_BYTES."""
    output = b""
    while len(output) <= OUTPUT_BYTES and (chunk := await stream.read(1 << 16)):
        output += chunk
    return output
