"""Server-sent events: frames, and an answer that lives as long as its stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tseeder_gateway.api.server import ClientGoneError, drop, is_gone, on_gone
from tseeder_kit.telemetry import gauge

PING: Final = b": ping\n\n"
RETRY: Final = b"retry: 1000\n\n"

_streams = gauge("gateway_event_streams", "Event streams that are open")


def frame(event: str, data: str, *, version: int | None = None) -> bytes:
    """One event; `data` is one line of JSON, `version` its id."""
    identity = "" if version is None else f"id: {version}\n"
    return f"event: {event}\n{identity}data: {data}\n\n".encode()


class Frames:
    """An open stream: its frames, and how to end them early."""

    def __init__(self, frames: AsyncIterator[bytes], close: Callable[[], None]) -> None:
        self.frames = frames
        self.close = close


class EventStream(Response):
    """Opens the stream, then sends its head at once and every frame as it comes.

    What opening raises is answered as a problem. A client that takes nothing for `stalled_seconds` is dropped; since
    frames are made only when the last one was taken, nothing piles up for it.
    """

    media_type = "text/event-stream"

    def __init__(self, opened: AbstractAsyncContextManager[Frames], *, stalled_seconds: float) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._opened = opened
        self._stalled_seconds = stalled_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._opened as stream:
            with on_gone(scope, stream.close), _streams.track_inprogress():
                await self._send_all(scope, send, stream)

    async def _send_all(self, scope: Scope, send: Send, stream: Frames) -> None:
        try:
            async with asyncio.timeout(self._stalled_seconds):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await send({"type": "http.response.body", "body": RETRY, "more_body": True})
            async for each in stream.frames:
                if is_gone(scope):
                    return
                async with asyncio.timeout(self._stalled_seconds):
                    await send({"type": "http.response.body", "body": each, "more_body": True})
            async with asyncio.timeout(self._stalled_seconds):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            await drop(scope)
            raise ClientGoneError("reader_stalled") from None
