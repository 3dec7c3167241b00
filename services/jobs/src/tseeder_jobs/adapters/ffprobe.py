"""ffprobe, kept from everything but the bytes of one file: what it parses, a stranger wrote."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from tseeder_jobs.adapters import ffprobe_process
from tseeder_jobs.adapters.probe_door import Door, Fetch, open_door
from tseeder_jobs.domain.media_facts import READERS, MediaFacts, parse_facts
from tseeder_kit.errors import unavailable
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter, gauge, histogram

BUDGET_BYTES: Final = 64 << 20
"""Of one file."""
OUTPUT_BYTES: Final = 1 << 20
MEMORY_BYTES: Final = 1 << 30
"""Address space: its libraries take a quarter of it."""
CPU_SECONDS: Final = 20
PROOF_SECONDS: Final = 60.0
_TONE: Final = bytes(1600)
PROOF: Final = (
    b"RIFF" + struct.pack("<I", 36 + len(_TONE)) + b"WAVE"
    b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    + b"data" + struct.pack("<I", len(_TONE)) + _TONE
)  # fmt: skip
"""A tenth of a second of silence, as WAV: who finds nothing in it, finds nothing in anything."""
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
_works = gauge("jobs_ffprobe_works", "Whether the ffprobe that is set proved itself at the start (1), or is off (0)")
_log = get_logger(__name__)


class Outcome(StrEnum):
    """FOUND: there are facts. NONE: it is no media that ffprobe reads here. FAILED: it took too much, or died of it;
    another time that may be otherwise. NOT_NOW: the bytes, or ffprobe itself, were not there, or came too slowly. GONE:
    there is no such file (any more)."""

    FOUND = "found"
    NONE = "none"
    FAILED = "failed"
    NOT_NOW = "not_now"
    GONE = "gone"


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

    async def prove(self) -> bool:
        """Whether it tells what is in a file that is good, in the same box, through the same door. If not, nothing that
        it says of others may be believed: "no media" would be said of all of them, for good. Logs it."""
        probed = await self._probe(_proof, len(PROOF), PROOF_SECONDS)
        works = probed.facts is not None and len(probed.facts.audio) == 1
        _works.set(works)
        if works:
            _log.info("ffprobe_works", program=str(self._program), landlock_abi=ffprobe_process.landlock_version())
        else:
            _log.error(
                "ffprobe_does_not_work",
                program=str(self._program),
                outcome=probed.outcome,
                effect="files get no media facts until it is mended and the service started anew",
            )
        return works

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
                code, output = await self._run(door, seconds)
            except OSError as exc:
                _log.error("ffprobe_not_started", cause=type(exc).__name__)
                return Probed(Outcome.NOT_NOW)
        if door.is_gone:
            return Probed(Outcome.GONE)
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

    async def _run(self, door: Door, seconds: float) -> tuple[int, bytes]:
        """Its exit code (negative: the signal that ended it, or its time was over) and what it said."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", ffprobe_process.__file__),
            *(str(os.getpid()), str(MEMORY_BYTES), str(CPU_SECONDS), str(door.port)),
            *(str(self._program), *_ARGUMENTS, door.url),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd="/",
            env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},  # Python's own
            start_new_session=True,  # so that what it starts can be ended with it
        )
        try:
            async with asyncio.timeout(seconds):
                return await _heard(process)
        except TimeoutError:
            if door.is_slow(seconds):
                door.failed = unavailable("service_unavailable", "The file's bytes do not come fast enough.")
            return -1, b""
        finally:
            _end(process)
            await process.wait()


async def _heard(process: Process) -> tuple[int, bytes]:
    output = await _all_of(process.stdout) if process.stdout is not None else b""
    if len(output) > OUTPUT_BYTES:
        _end(process)
    return await process.wait(), output


def _end(process: Process) -> None:
    """With all that it has started, also where it has ended itself: its group is there as long as one of it is."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _proof(first: int, last: int) -> bytes:
    return PROOF[first : last + 1]


async def _all_of(stream: asyncio.StreamReader) -> bytes:
    """To its end, or a little beyond OUTPUT_BYTES."""
    output = b""
    while len(output) <= OUTPUT_BYTES and (chunk := await stream.read(1 << 16)):
        output += chunk
    return output
