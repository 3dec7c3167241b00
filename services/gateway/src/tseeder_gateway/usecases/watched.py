"""What every answer with bytes is: one of their owner's streams, and looked at again while it goes on."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from tseeder_kit.errors import AppError, Kind, internal
from tseeder_kit.ids import uuid7
from tseeder_kit.logging import get_logger

LOOK_AGAIN_SECONDS: Final = 5.0
"""How often it is looked at again whether the caller may still read what he reads."""
FINAL: Final = frozenset({Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.NOT_FOUND, Kind.CONFLICT})
"""What ends an answer; all else passes, or says nothing about the caller."""
_log = get_logger(__name__)


class Watched(ABC):
    """An answer's bytes. `counted`: they are asked for, so that it is one of their owner's streams until `end`."""

    def __init__(self, *, counted: bool) -> None:
        self._stream_id = str(uuid7()) if counted else ""
        self._begun = False  # bytes were handed out
        self.sent_bytes = 0
        """Of files, to the client, so far."""
        self.refused: AppError | None = None
        """Why the caller may have no more of the bytes that he is being given."""
        self.on_refused: Callable[[], None] = _nobody_asks

    async def begin(self, *, at_start: bool) -> None:
        """Bytes are at hand and about to be handed out; `at_start`: the first ones among them. Raises AppError where
        they must not be, after all."""
        self._begun = True

    async def end(self) -> None:
        """It is none of its owner's streams any more. If that cannot be said now, it ends by itself in 15 s."""
        if not self._stream_id:
            return
        try:
            await self._end_stream()
        except AppError as exc:
            _log.info("stream_end_not_told", code=exc.code)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """While inside: looks every LOOK_AGAIN_SECONDS, beside the bytes, whether the caller may still have them; that
        renews his stream, too. While jobs or auth is away, or slow, what they said last holds."""
        task = asyncio.create_task(self._watch(), name="content-watch")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    @abstractmethod
    async def _look(self) -> None:
        """Whether they may still be read; raises AppError. Renews the stream."""

    @abstractmethod
    async def _end_stream(self) -> None:
        """Tells jobs; raises AppError."""

    async def _watch(self) -> None:
        now = asyncio.get_running_loop().time
        look_at = now()
        while self.refused is None:
            look_at = max(look_at + LOOK_AGAIN_SECONDS, now())
            await asyncio.sleep(look_at - now())
            try:
                await self._look()
            except AppError as exc:
                if exc.kind in FINAL:
                    self.refused = exc
                else:
                    _log.info("look_failed", code=exc.code)
            except Exception as exc:  # noqa: BLE001 - a defect here must not let an answer go on unwatched
                _log.error("look_crashed", exc_info=exc)
                self.refused = internal()
        self.on_refused()


def _nobody_asks() -> None:
    """Until somebody sends the bytes."""
