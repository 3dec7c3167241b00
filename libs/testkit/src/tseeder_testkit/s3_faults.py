"""An HTTP proxy before an S3 server that goes wrong where it is told to: by operation, and so many times.

`async with faulty_s3(endpoint) as proxy`: clients are given `proxy.url`. What they sign holds, since the Host header
and the raw path pass unchanged: the server sees the proxy's host, as it would see that of any other.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, TypeAlias

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, web
from multidict import CIMultiDict
from yarl import URL

from tseeder_testkit.s3_checksums import HEADER, Crc32Guard, crc32_of

LARGEST_BODY: Final = 64 << 20
GIVES_UP_SECONDS: Final = 0.5  # in which a client that gave up just as the answer came has closed its connection


@dataclass(frozen=True, slots=True)
class Lost:
    """The server does it; the connection breaks before its answer."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection breaks, and the server never hears of it."""


@dataclass(frozen=True, slots=True)
class Held:
    """The request waits until the proxy heals, or the client has gone; then it is passed on, or broken off."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The server does it; of its answer's body only a half comes, though the head promised all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """This is answered, and the server never hears of it. With `after` it has done it before."""

    status: int
    text: str = ""
    after: bool = False


@dataclass(frozen=True, slots=True)
class Telling:
    """The server does it; its answer has this header besides."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Slow:
    """The request is passed on after so many seconds, or broken off if the client has gone by then."""

    seconds: float


Fault: TypeAlias = Lost | Reset | Held | Cut | Slow | Answer | Telling


def error(status: int, code: str, *, after: bool = False) -> Answer:
    """An S3 error: `error(503, "SlowDown")`, or the 200 with an error in it that CompleteMultipartUpload may give."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return Answer(status, text, after)


@dataclass(slots=True)
class _Plan:
    fault: Fault
    left: int  # -1: for ever


@dataclass(slots=True)
class Exchange:
    """One request, as S3's side saw it. Times are seconds since 1970; None: not (yet)."""

    operation: str
    key: str
    upload_id: str = ""
    part_number: int = 0
    began: float = field(default_factory=time.time)
    arrived: float | None = None  # its last byte
    passed: bool = False  # on to the server, so that it goes on without its client
    ended: float | None = None
    status: int = 0  # what the server itself answered; 0: it never heard of it, or its answer was lost
    told: bool = False  # whether that answer went to the client

    @property
    def is_done(self) -> bool:
        """Whether the server did it, whatever the client was told."""
        return self.status == HTTPStatus.OK


@dataclass(slots=True)
class FaultyS3:
    """Made by `faulty_s3`. By operation: `seen` counts requests, whatever became of them, `struck` those that a fault
    met, `refused` those that the server itself answered with 403. `log` has every request, in order."""

    upstream: str
    url: str = ""
    guard: Crc32Guard | None = None
    seen: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    log: list[Exchange] = field(default_factory=list)
    _passing: set[asyncio.Task[web.Response]] = field(default_factory=set)
    _plans: dict[str, _Plan] = field(default_factory=dict)
    _turns: dict[str, list[Fault]] = field(default_factory=dict)
    _healed: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self, fault: Fault, *operations: str, times: int = -1) -> None:
        """The next `times` (-1: all) requests of each of these operations, by S3's names for them; none: of all."""
        self._healed.clear()
        for operation in operations or ("*",):
            self._plans[operation] = _Plan(fault, times)

    def fail_in_turn(self, operation: str, *faults: Fault) -> None:
        """The next requests of this operation meet these, one each."""
        self._healed.clear()
        self._turns[operation] = list(faults)

    def heal(self) -> None:
        """All is well, also for what is held."""
        self._plans.clear()
        self._turns.clear()
        self._healed.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        operation = operation_of(request.method, request.path, request.query)
        part = int(request.query.get("partNumber", "0"))
        exchange = Exchange(operation, request.path, request.query.get("uploadId", ""), part)
        self.log.append(exchange)
        self.seen[operation] += 1
        try:
            body = await request.read()
            exchange.arrived = time.time()
            if self.guard and (code := self.guard.refuses(operation, request.headers, request.query, body)):
                return _said(error(400, code))
            fault = self._next(operation)
            reply = await self._meet(fault, request, body, exchange)
            if isinstance(fault, Held | Slow):
                await _write(request, reply)
            answered = exchange.passed and (fault is None or isinstance(fault, Held | Slow))
            exchange.told = answered and _is_there(request)
            return reply
        finally:
            if not exchange.passed:
                exchange.ended = time.time()

    async def _meet(
        self, fault: Fault | None, request: web.Request, body: bytes, exchange: Exchange
    ) -> web.StreamResponse:
        match fault:
            case Reset():
                return _broken(request)
            case Held():
                await self._healed.wait()
                return await self._pass(request, body, exchange)
            case Slow(seconds=seconds):
                await asyncio.sleep(seconds)
                return await self._pass(request, body, exchange)
            case Answer(after=False) as answer:
                return _said(answer)
            case None:
                return await self._pass(request, body, exchange)
            case fault:
                reply = await self._pass(request, body, exchange)
                return await _spoiled(request, reply, fault)

    def _next(self, operation: str) -> Fault | None:
        if turns := self._turns.get(operation):
            self.struck[operation] += 1
            return turns.pop(0)
        plan = self._plans.get(operation) or self._plans.get("*")
        if plan is None or not plan.left:
            return None
        plan.left -= 1
        self.struck[operation] += 1
        return plan.fault

    async def _pass(self, request: web.Request, body: bytes, exchange: Exchange) -> web.Response:
        """What came whole reaches the server, though the client may be gone by now."""
        exchange.passed = True
        task = asyncio.create_task(self._forward(request, body, exchange))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)
        return await asyncio.shield(task)

    async def settled(self) -> None:
        """Wait until nothing is under way to the server."""
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _forward(self, request: web.Request, body: bytes, exchange: Exchange) -> web.Response:
        url = URL(self.upstream + request.raw_path, encoded=True)
        headers = CIMultiDict((name, value) for name, value in request.headers.items() if name.lower() != "expect")
        try:
            async with ClientSession(auto_decompress=False, timeout=ClientTimeout(60)) as session:
                skipped = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
                async with session.request(
                    request.method,
                    url,
                    headers=headers,
                    data=io.BytesIO(body) if body else None,
                    skip_auto_headers=skipped,
                    allow_redirects=False,
                ) as reply:
                    content = await reply.read()
                    exchange.status = reply.status
                    if reply.status == HTTPStatus.FORBIDDEN:
                        self.refused[exchange.operation] += 1
                    answer = web.Response(status=reply.status, body=content, headers=_end_to_end(reply))
                    self._tell(exchange.operation, request, answer, body)
                    return answer
        except (ClientError, OSError, TimeoutError):
            return _broken(request)
        finally:
            exchange.ended = time.time()

    def _tell(self, operation: str, request: web.Request, answer: web.Response, body: bytes) -> None:
        if self.guard is None or answer.status != HTTPStatus.OK:
            return
        if operation == "CreateMultipartUpload" and isinstance(answer.body, bytes):
            self.guard.opened(request.headers, answer.body)
        elif HEADER in request.headers:
            answer.headers[HEADER] = crc32_of(body)


def _end_to_end(reply: ClientResponse) -> CIMultiDict[str]:
    dropped = {"transfer-encoding", "connection"}
    if reply.method != "HEAD":
        dropped.add("content-length")  # aiohttp counts by itself what it has
    return CIMultiDict((name, value) for name, value in reply.headers.items() if name.lower() not in dropped)


async def _write(request: web.Request, reply: web.StreamResponse) -> None:
    """Answer one that was held up. It may give up in the moment in which the answer is under way, and never read it:
    then it closes the connection, which ends this."""
    if not _is_there(request):
        return
    await reply.prepare(request)
    await reply.write_eof()
    await asyncio.sleep(GIVES_UP_SECONDS)


def _is_there(request: web.Request) -> bool:
    """Whether its client has not closed the connection."""
    return request.transport is not None and not request.transport.is_closing()


def _said(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, text=answer.text, content_type="application/xml")


def _broken(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)  # goes nowhere


async def _spoiled(request: web.Request, reply: web.Response, fault: Fault) -> web.StreamResponse:
    """What becomes of the server's answer."""
    if isinstance(fault, Answer):
        return _said(fault)
    if isinstance(fault, Telling):
        reply.headers[fault.name] = fault.value
        return reply
    if not isinstance(fault, Cut):
        return _broken(request)
    body = reply.body if isinstance(reply.body, bytes) else b""
    begun = web.StreamResponse(status=reply.status, headers=reply.headers)
    begun.content_length = len(body)
    await begun.prepare(request)
    await begun.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()  # what is written goes out first, unlike with abort
    return begun


def operation_of(method: str, path: str, query: Iterable[str] | Mapping[str, str]) -> str:
    """S3's name for a path-style request, as far as tseeder makes such."""
    names = set(query)
    if "/" not in path.strip("/"):
        return _of_bucket(method, names)
    if "uploadId" in names:
        on_upload = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}
        return on_upload.get(method, "ListParts")
    if method == "POST" and "uploads" in names:
        return "CreateMultipartUpload"
    return {"PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(method, "GetObject")


def _of_bucket(method: str, names: set[str]) -> str:
    if "uploads" in names:
        return "ListMultipartUploads"
    if "lifecycle" in names:
        return "PutBucketLifecycleConfiguration" if method == "PUT" else "GetBucketLifecycleConfiguration"
    if "delete" in names:
        return "DeleteObjects"
    return {"HEAD": "HeadBucket", "PUT": "CreateBucket"}.get(method, "ListObjectsV2")


@asynccontextmanager
async def faulty_s3(
    upstream: str, *, host: str = "127.0.0.1", guard: Crc32Guard | None = None
) -> AsyncIterator[FaultyS3]:
    """A proxy before `upstream` ("http://host:port"), on a free port of `host`; well until it is told otherwise."""
    proxy = FaultyS3(upstream, guard=guard)
    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_route("*", "/{path:.*}", proxy.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    proxy.url = f"http://{host}:{runner.addresses[0][1]}"
    try:
        yield proxy
    finally:
        proxy.heal()
        await runner.cleanup()
        await proxy.settled()
