"""What every answer with bytes is: one of its caller's streams, and looked at again while it goes on."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from tseeder_gateway.adapters.jobs import Jobs
from tseeder_gateway.domain.access import Access
from tseeder_kit.errors import AppError, Kind, internal
from tseeder_kit.ids import uuid7
from tseeder_kit.logging import get_logger

Authorize: TypeAlias = Callable[[], Awaitable[Access]]
LOOK_AGAIN_SECONDS: Final = 5.0
"""How often it is looked at again whether the caller may still read what he reads."""
FINAL: Final = frozenset({Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.NOT_FOUND, Kind.CONFLICT})
"""What ends an answer; all else passes, or says nothing about the caller."""
_log = get_logger(__name__)


class Watched(ABC):
    """What one caller reads. `counted`: bytes are asked for, so that it is one of his streams until `end`."""

    def __init__(self, jobs: Jobs, authorize: Authorize, *, counted: bool) -> None:
        self._jobs = jobs
        self._authorize = authorize
        self._stream_id = str(uuid7()) if counted else ""
        self._identity = ""
        self.refused: AppError | None = None
        """Why the caller may have no more of the bytes that he is being given."""
        self.on_refused: Callable[[], None] = _nobody_asks

    async def end(self) -> None:
        """It is none of the caller's streams any more. If that cannot be said now, it ends by itself in 15 s."""
        if not self._stream_id:
            return
        try:
            # Who he was when it was looked at last: by now he may be nobody, and his stream ends all the same.
            await self._jobs.end_read(self._identity, self._stream_id)
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

    async def _identify(self) -> str:
        """The caller's identity token, as good as his credential is by now."""
        self._identity = (await self._authorize()).identity
        return self._identity

    @abstractmethod
    async def _look(self) -> None:
        """Whether the caller may still read what he is reading; raises AppError. Renews his stream."""

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
