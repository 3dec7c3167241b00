"""The HTTP server: uvicorn, run by us, without its signal handlers, with a hold on each connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tseeder_gateway.domain.connection_limit import ConnectionLimit
from tseeder_kit.ids import uuid7

BACKLOG: Final = 2048
KEEP_ALIVE_SECONDS: Final = 75  # longer than a proxy in front keeps its connections, or it writes into closed ones
MAX_OPEN_HEAD_BYTES: Final = 64 * 1024
REFUSED_SECONDS: Final = 1.0
CRLF: Final = "\r\n"

_CONNECTION: Final = "connection"


class ClientGoneError(Exception):
    """The client left, or was dropped, before the answer was complete; nobody is there to be told."""


class Connection:
    """A client's connection, as a running answer may need it."""

    __slots__ = ("on_gone", "transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.on_gone: Callable[[], None] | None = None


class Server(uvicorn.Server):
    """Signals are the process's own business (tseeder_kit.lifecycle)."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._stop = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Says so when it listens."""
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        """Until `stop`; uvicorn's own wakes ten times a second. Its tick 0 renews the Date header."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._stop.wait()

    def stop(self) -> None:
        """Takes no more connections, and ends when those that stand have their answers."""
        self.should_exit = True
        self._stop.set()


class Protocol(HttpToolsProtocol):
    """Gives each request its connection, refuses a head without end, a connection too many, and errors of HTTP itself,
    as problems."""

    head_seconds = 20.0
    limit: ConnectionLimit
    _admitted = False
    _address = ""
    _open_head_bytes = 0  # of the head that is coming in; -1 while there is none to come
    _head_timer: asyncio.TimerHandle | None = None
    _tail_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._connection = Connection(transport)
        self._address = self.client[0] if self.client else ""
        self._admitted = self.limit.admit(self._address)
        if self._admitted:
            self._await_head()
        else:
            # It asks first, or it would not hear the answer; but not for long.
            self._head_timer = self.loop.call_later(REFUSED_SECONDS, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._admitted:
            self.limit.release(self._address)
        self._head_came()
        self._tail_came()
        super().connection_lost(exc)
        if self._connection.on_gone is not None:
            self._connection.on_gone()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][_CONNECTION] = self._connection

    def on_headers_complete(self) -> None:
        self._open_head_bytes = -1
        self._head_came()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._open_head_bytes = 0
        self._tail_came()

    def on_response_complete(self) -> None:
        """A body that nobody wanted is still read, so that its client can see the answer; but not for ever."""
        super().on_response_complete()
        is_open = self._open_head_bytes < 0 and self.cycle.response_complete and not self.transport.is_closing()
        if is_open and self._tail_timer is None:
            self._tail_timer = self.loop.call_later(self.head_seconds, self.transport.close)

    def data_received(self, data: bytes) -> None:
        if not self._admitted:
            self._refuse(
                503,
                "Service Unavailable",
                "too_many_connections",
                "Too many connections stand; try again.",
                retry=True,
            )
            return
        if self._open_head_bytes >= 0:
            self._open_head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._open_head_bytes > MAX_OPEN_HEAD_BYTES:
            self._refuse(
                431, "Request Header Fields Too Large", "headers_too_large", "The request's head is too large."
            )
        elif self._open_head_bytes > 0:
            self._await_head()

    def _await_head(self) -> None:
        """A head that does not come, or comes byte by byte, is not waited for."""
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self.transport.close)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _tail_came(self) -> None:
        if self._tail_timer is not None:
            self._tail_timer.cancel()
            self._tail_timer = None

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "Bad Request", "http_invalid", "This is not HTTP/1.1 as RFC 9112 has it.")

    def _refuse(self, status: int, phrase: str, code: str, detail: str, *, retry: bool = False) -> None:
        """An answer outside of any request; then the connection ends."""
        number = str(uuid7())
        body = json.dumps(
            {
                "type": f"urn:tseeder:problem:{code}",
                "title": phrase,
                "status": status,
                "detail": detail,
                "code": code,
                "request_id": number,
                "errors": [],
                "details": {},
            }
        ).encode()
        head = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {number}\r\ncache-control: no-store\r\n"
            f"x-content-type-options: nosniff\r\n{'retry-after: 1' + CRLF if retry else ''}connection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()


@asynccontextmanager
async def serving(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    head_seconds: float,
    stalled_seconds: float,
    shutdown_seconds: float,
    connections: ConnectionLimit,
) -> AsyncIterator[int]:
    """Serves `app` while inside; gives the port. On leaving, running answers have `shutdown_seconds` to end."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    listener = _listen(host, port, stalled_seconds)
    config = uvicorn.Config(
        cast("Any", app),
        http=type("BoundProtocol", (Protocol,), {"head_seconds": head_seconds, "limit": connections}),
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(shutdown_seconds)),
    )
    server = Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    listening = asyncio.create_task(server.listening.wait())
    try:
        await asyncio.wait({running, listening}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            raise RuntimeError("the HTTP server ended while it started")
        yield int(listener.getsockname()[1])
    finally:
        listening.cancel()
        server.stop()
        await running


def close_after_answer(scope: Scope) -> None:
    """The connection ends with this answer, since more of the request may come than anybody wants to read."""
    scope["state"]["close_connection"] = True


@contextlib.contextmanager
def on_gone(scope: Scope, call: Callable[[], None]) -> Iterator[None]:
    """Calls `call` if the client leaves while inside; cheaper than a task that waits for it."""
    connection = _connection(scope)
    connection.on_gone = call
    if connection.transport.is_closing():  # he left before
        call()
    try:
        yield
    finally:
        connection.on_gone = None


def is_gone(scope: Scope) -> bool:
    """Whether the client of a running answer has left."""
    return _transport(scope).is_closing()


async def cut(scope: Scope, receive: Receive, *, seconds: float) -> None:
    """Ends the connection so that a client sees its answer broken off: what is in flight may still arrive.

    After `seconds` without the client taking it, it is dropped for good.
    """
    _transport(scope).close()
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        await drop(scope)


async def drop(scope: Scope) -> None:
    """Ends the connection at once, and frees what was waiting to be sent."""
    _transport(scope).abort()
    await asyncio.sleep(0)  # lets the server notice, so that it does not complain of an answer without an end


def _transport(scope: Scope) -> asyncio.Transport:
    return _connection(scope).transport


def _connection(scope: Scope) -> Connection:
    return cast("Connection", scope["state"][_CONNECTION])


def _listen(host: str, port: int, stalled_seconds: float) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
    if user_timeout is not None:
        # Connections inherit it. It covers the tail of an answer, which waits in the kernel with nobody to watch it.
        listener.setsockopt(socket.IPPROTO_TCP, user_timeout, int(stalled_seconds * 1000))
    listener.bind((host, port))
    listener.setblocking(False)
    return listener
