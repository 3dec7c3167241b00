"""A file's bytes as an answer: exact, or visibly broken off; never short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol, TypeAlias, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tseeder_gateway.adapters.object_reader import BodyBrokenError
from tseeder_gateway.api.server import ClientGoneError, cut, drop, is_gone, on_gone
from tseeder_gateway.domain.content_plan import Plan, Wish
from tseeder_gateway.domain.ranges import ByteRange
from tseeder_kit.errors import AppError, Kind, out_of_range, unavailable
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter

Read: TypeAlias = Callable[[ByteRange], AbstractAsyncContextManager[AsyncIterator[bytes]]]


class Source(Protocol):
    """Whose bytes they are. `on_refused` is called when the caller may have no more of them, because of `refused`."""

    refused: AppError | None
    sent_bytes: int
    on_refused: Callable[[], None]

    async def begin(self, *, at_start: bool) -> None:
        """The head goes out next, and then bytes; `at_start`: the file's first among them."""

    def watching(self) -> AbstractAsyncContextManager[None]:
        """While bytes are handed out."""

    async def end(self) -> None:
        """The answer is over, however it ended."""


_sent = counter("gateway_content_bytes", "Bytes of files that were handed to clients")
_log = get_logger(__name__)


class ContentResponse(Response):
    """Carries out a plan of 200, 206 or 304. A chunk is read only when the client has taken the one before."""

    def __init__(self, plan: Plan, read: Read, source: Source, *, stalled_seconds: float) -> None:
        super().__init__(status_code=plan.status, headers=plan.headers)
        if plan.status == 304:
            del self.headers["content-length"]
        else:
            self.headers["content-length"] = str(plan.length)
        self._plan = plan
        self._read = read
        self._source = source
        self._stalled_seconds = stalled_seconds
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """However it ends, the source is told then."""
        try:
            await self._answer(scope, receive, send)
        finally:
            await self._source.end()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            # Bytes that are not stored yet may be long in coming, and who has left waits for none.
            async with asyncio.timeout(None) as while_there:
                with on_gone(scope, self._stopping(while_there)):
                    await self._send_parts(scope, send)
        except TimeoutError:
            if is_gone(scope):
                raise ClientGoneError("client_left") from None
            refused = self._source.refused
            if refused is not None and not self._started:
                raise refused from None
            await drop(scope)
            raise ClientGoneError("reader_stalled" if refused is None else "no_longer_allowed") from None
        except (AppError, BodyBrokenError) as exc:
            if not self._started:
                raise exc if isinstance(exc, AppError) else _unavailable() from exc
            _log.warning("content_broken_off", cause=str(exc))
            await cut(scope, receive, seconds=self._stalled_seconds)
            raise ClientGoneError("storage_broke_off") from exc

    def _stopping(self, while_there: asyncio.Timeout) -> Callable[[], None]:
        """What ends the sending at once, wherever it waits: for bytes, or for the client to take some."""

        def stop() -> None:
            while_there.reschedule(0)

        self._source.on_refused = stop
        return stop

    async def _send_parts(self, scope: Scope, send: Send) -> None:
        plan = self._plan
        if not plan.bodiless:
            async with self._source.watching():
                for part in plan.parts:
                    async with self._read(part.range) as chunks:
                        await self._body(send, part.prefix)
                        async for chunk in chunks:
                            if is_gone(scope):
                                raise ClientGoneError("client_left")
                            await self._body(send, chunk)
                            _sent.inc(len(chunk))
                            self._source.sent_bytes += len(chunk)
            await self._body(send, plan.suffix)
        await self._start(send)
        await self._within(send, {"type": "http.response.body", "body": b"", "more_body": False})

    async def _start(self, send: Send) -> None:
        """The head, once the first byte is there: what fails before gets a proper answer."""
        if not self._started:
            if not self._plan.bodiless:
                await self._source.begin(at_start=self._plan.at_start)
            self._started = True
            await self._within(
                send, {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )

    async def _body(self, send: Send, data: bytes) -> None:
        if data:
            await self._start(send)
            await self._within(send, {"type": "http.response.body", "body": data, "more_body": True})

    async def _within(self, send: Send, message: dict[str, Any]) -> None:
        async with asyncio.timeout(self._stalled_seconds):
            await send(message)


def _unavailable() -> AppError:
    return unavailable("storage_unavailable", "The object store does not give the file at the moment.")


def wish_of(request: Request) -> Wish:
    """What the request's headers ask for."""
    ranges = request.headers.getlist("range")
    return Wish(
        method=cast("Literal['GET', 'HEAD']", request.method),
        range=ranges[0] if len(ranges) == 1 else None,
        if_range=request.headers.get("if-range"),
        if_match=_joined(request, "if-match"),
        if_none_match=_joined(request, "if-none-match"),
    )


def _joined(request: Request, name: str) -> str | None:
    return ",".join(request.headers.getlist(name)) or None


def refuse(request: Request, planned: Plan) -> None:
    """412 and 416 are problems; what HTTP wants beside goes into their headers."""
    if planned.status not in (412, 416):
        return
    request.scope["state"]["problem_headers"] = planned.headers
    if planned.status == 412:
        raise AppError(Kind.PRECONDITION, "etag_mismatch", "The file is not the one that If-Match names.")
    raise out_of_range("range_not_satisfiable", "No part of the file is in the range.")
