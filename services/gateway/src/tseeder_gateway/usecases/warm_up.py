"""Make a file ready to be played: its first and last bytes come before all others, and it is told how that goes, and
whether the swarm is as fast as the film."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from tseeder.agent.v1.progress_pb2 import Progress
from tseeder.jobs.v1.model_pb2 import File
from tseeder_gateway.adapters.job_topics import Watcher
from tseeder_gateway.adapters.object_reader import BodyBrokenError
from tseeder_gateway.domain.ranges import ByteRange
from tseeder_gateway.usecases.open_content import OpenContent, OpenedFile
from tseeder_gateway.usecases.watched import FINAL
from tseeder_kit.errors import AppError
from tseeder_kit.logging import get_logger

FIRST_BYTES: Final = 4 * 1024 * 1024
"""What a player reads before it shows anything."""
LAST_BYTES: Final = 1024 * 1024
"""Where many files keep what a player must know to seek."""
TELL_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 600.0
AGAIN_SECONDS: Final = 2.0
_log = get_logger(__name__)


@dataclass(frozen=True)
class Warmth:
    """How much of both ends is here. `swarm_rate` is what the transfer was last measured to receive, bytes a second;
    None while nobody has said. `media_bit_rate`: bits a second that playing it takes; None: not known (yet)."""

    first_bytes: int
    first_ready_bytes: int
    last_bytes: int
    last_ready_bytes: int
    swarm_rate: int | None
    media_bit_rate: int | None

    @property
    def swarm_suffices(self) -> bool | None:
        """Whether it can be played while it comes at this rate; None: not known."""
        if self.swarm_rate is None or self.media_bit_rate is None:
            return None
        return self.swarm_rate * 8 >= self.media_bit_rate


@dataclass(frozen=True)
class WarmedUp:
    """The last event. `late`: the swarm did not give it in LONGEST_SECONDS; ask again if it is still wanted."""

    reason: Literal["ready", "late", "refused"]
    refused: AppError | None = None


WarmEvent: TypeAlias = Warmth | WarmedUp


@dataclass
class _End:
    """One end of the file, and how far it was read."""

    part: ByteRange | None
    ready: int = 0
    refused: AppError | None = None

    @property
    def length(self) -> int:
        """Bytes in it."""
        return self.part.length if self.part is not None else 0


@dataclass
class WarmUp:
    """Reads both ends of `opened` and drops what it reads: that raises their pieces at the agent. They are none of the
    caller's streams, since he is given no bytes. `new_source` makes a reader for each end; `watcher` is of the job;
    `probe` asks for the file with its media facts, which may have been found by then."""

    opened: OpenedFile
    new_source: Callable[[], OpenContent]
    watcher: Watcher
    probe: Callable[[], Awaitable[File]]
    progress: Progress | None = None
    _first: _End = field(init=False)
    _last: _End = field(init=False)
    _bit_rate: int | None = field(init=False)

    def __post_init__(self) -> None:
        self._first, self._last = (_End(part) for part in ends_of(self.opened.content.size_bytes))
        self._bit_rate = _bit_rate_of(self.opened.answer.file)

    async def events(self) -> AsyncGenerator[WarmEvent, None]:
        """About one a second, until both ends are here, it is refused, or the watcher is closed."""
        if not self.opened.live:
            self._first.ready, self._last.ready = self._first.length, self._last.length
            yield self._warmth()
            yield WarmedUp("ready")
            return
        working = asyncio.create_task(self._work(), name="warm-up")
        try:
            yield self._warmth()
            until = asyncio.get_running_loop().time() + LONGEST_SECONDS
            while not working.done() and not self.watcher.closed:
                if asyncio.get_running_loop().time() >= until:
                    yield WarmedUp("late")
                    return
                await asyncio.wait([working], timeout=TELL_SECONDS)
                self.progress = self.watcher.take_progress() or self.progress
                yield self._warmth()
            if not self.watcher.closed:
                yield self._outcome(working)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _work(self) -> None:
        """Both ends, and then what their bytes say: what is known of it before was looked for in vain."""
        await asyncio.gather(self._fetch(self._first), self._fetch(self._last))
        if self._bit_rate is None and self._refused is None:
            try:
                self._bit_rate = _bit_rate_of(await self.probe())
            except AppError as exc:  # it can be played all the same
                _log.info("media_not_probed", code=exc.code)

    async def _fetch(self, end: _End) -> None:
        """To its last byte; what has not come yet is waited for again. What ends it for good is kept in `refused`: it
        is seen at the next look, as the caller is handed nothing."""
        part = end.part
        while part is not None and end.ready < part.length and end.refused is None:
            source = self.new_source()
            try:
                opened = await source.open()
                async with source.read(opened, ByteRange(part.first + end.ready, part.last)) as chunks:
                    async for chunk in chunks:
                        end.ready += len(chunk)
            except AppError as exc:
                if exc.kind in FINAL and exc.code != "not_stored_yet":
                    end.refused = exc
                    return
                _log.info("warm_up_waits", code=exc.code)
            except BodyBrokenError as exc:
                _log.info("warm_up_waits", cause=str(exc))
            if end.ready < part.length:
                await asyncio.sleep(AGAIN_SECONDS)

    def _warmth(self) -> Warmth:
        rate = self.progress.download_rate if self.progress is not None else None
        return Warmth(self._first.length, self._first.ready, self._last.length, self._last.ready, rate, self._bit_rate)

    @property
    def _refused(self) -> AppError | None:
        return self._first.refused or self._last.refused

    def _outcome(self, working: asyncio.Task[None]) -> WarmedUp:
        working.result()  # a defect is told as one
        return WarmedUp("ready") if self._refused is None else WarmedUp("refused", self._refused)


def _bit_rate_of(file: File) -> int | None:
    return file.media.bit_rate if file.media.HasField("bit_rate") else None


def ends_of(size: int) -> tuple[ByteRange | None, ByteRange | None]:
    """The first FIRST_BYTES of a file of `size` bytes, and the last LAST_BYTES of what is left; None for no bytes."""
    first = ByteRange(0, min(size, FIRST_BYTES) - 1) if size else None
    last = ByteRange(max(FIRST_BYTES, size - LAST_BYTES), size - 1) if size > FIRST_BYTES else None
    return first, last
