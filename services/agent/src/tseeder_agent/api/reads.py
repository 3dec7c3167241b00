"""The HTTP server for the gateway: ranges of files that are not stored yet. Internal, and nothing without a token.

`GET /v1/read` with `Authorization: Bearer <token>` and `Range: bytes=a-b`: 206 with exactly these bytes, or the
connection breaks off; never a short body. Errors are `{"code", "message", "retry_after_seconds"}`.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.serve_read import FileRead, open_read
from tseeder_kit.errors import AppError, exhausted, invalid, out_of_range, unauthenticated
from tseeder_kit.logging import get_logger
from tseeder_rpc import READ_PATH, verify_read

_RANGE: Final = re.compile(r"bytes=(\d{1,18})-(\d{1,18})")
_STOP_SECONDS: Final = 2.0
_STALLED_SECONDS: Final = 120.0
_log = get_logger(__name__)


class ReadServer:
    """Listens while it is entered; leaving cuts off who still reads: the gateway goes on from elsewhere."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._reading = 0
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        settings = self._ctx.settings
        app = web.Application()
        app.router.add_get(READ_PATH, self._read)
        # Who left waits for no piece: what he asked for is not fetched first any more.
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_SECONDS, handler_cancellation=True)
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.host, settings.read_port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self.url = _url(settings.read_address or settings.host, runner.addresses[0][1])
        self._runner = runner
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _read(self, request: web.Request) -> web.StreamResponse:
        if self._reading >= self._ctx.settings.readers:
            return _problem(exhausted("too_many_readers", "This agent serves as many readers as it may."))
        self._reading += 1
        try:
            read, first, last = _asked(self._ctx, request)
            return await _answer(request, read, first, last)
        except AppError as exc:
            return _problem(exc)
        finally:
            self._reading -= 1


def _url(address: str, port: int) -> str:
    """ "" for an address that is none of this machine's: who asked there would ask himself."""
    if address in ("0.0.0.0", "::"):
        _log.warning("reads_not_offered", advice="TSEEDER_AGENT_READ_ADDRESS says where the gateway reaches this agent")
        return ""
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _asked(ctx: Context, request: web.Request) -> tuple[FileRead, int, int]:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer":
        raise unauthenticated("read_token_invalid", "A read token is needed.")
    read = open_read(ctx, verify_read(token, ctx.jobs.credential_hashes))
    wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
    if wanted is None:
        raise invalid("bad_range", "One range is needed: bytes=first-last.")
    first, last = int(wanted[1]), int(wanted[2])
    if not first <= last < read.size:
        raise out_of_range("offset_out_of_range", "The file has no such bytes.", size_bytes=read.size)
    return read, first, last


async def _answer(request: web.Request, read: FileRead, first: int, last: int) -> web.StreamResponse:
    """The head goes out with the first bytes; what fails before is a proper answer, what fails after breaks off."""
    headers = {"Content-Range": f"bytes {first}-{last}/{read.size}", "Content-Length": str(last - first + 1)}
    response = web.StreamResponse(status=206, headers=headers)
    response.content_type = "application/octet-stream"
    async with aclosing(read.chunks(first, last)) as chunks:
        try:
            async for chunk in chunks:
                if not response.prepared:
                    await response.prepare(request)
                async with asyncio.timeout(_STALLED_SECONDS):
                    await response.write(chunk)
        except (AppError, TimeoutError) as exc:
            if not response.prepared:
                raise
            _log.info("read_broken_off", code=exc.code if isinstance(exc, AppError) else "reader_stalled")
            if request.transport is not None:
                request.transport.abort()
    return response


def _problem(exc: AppError) -> web.Response:
    body: dict[str, Any] = {"code": exc.code, "message": exc.message}
    if "retry_after_seconds" in exc.details:
        body["retry_after_seconds"] = exc.details["retry_after_seconds"]
    return web.json_response(body, status=exc.row.http_status)
