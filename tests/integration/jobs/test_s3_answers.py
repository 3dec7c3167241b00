"""What the storage adapter makes of answers that are lost, late or lies: a proxy that misbehaves, before rclone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from tseeder_jobs.adapters.s3 import Endpoint, Storage, open_storage
from tseeder_jobs.domain.storage import StorageUnavailable, UploadGone
from tseeder_stack.s3 import S3Server, signed

Fault = Callable[[web.Request, bytes], Awaitable[web.StreamResponse | None]]
BODY = b"x" * 1000


@dataclass
class Proxy:
    """Passes requests on to `upstream`; `fault` may answer instead, or after it saw the true answer."""

    upstream: str
    before: Fault | None = None
    after: Fault | None = None
    seen: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(f"{request.method} {request.path_qs}")
        if self.before is not None and (answer := await self.before(request, body)) is not None:
            return answer
        url = URL(self.upstream + request.raw_path, encoded=True)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "expect"}
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            async with session.request(request.method, url, headers=headers, data=body or None) as reply:
                content = await reply.read()
                passed = web.Response(status=reply.status, body=content, headers=_end_to_end(reply))
        if self.after is not None and (answer := await self.after(request, content)) is not None:
            return answer
        return passed


def _end_to_end(reply: aiohttp.ClientResponse) -> dict[str, str]:
    dropped = {"transfer-encoding", "connection", "content-encoding"}
    if reply.method != "HEAD":
        dropped.add("content-length")  # aiohttp counts by itself what it has
    return {name: value for name, value in reply.headers.items() if name.lower() not in dropped}


@asynccontextmanager
async def proxied(server: S3Server) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before `server`, and its URL."""
    proxy = Proxy(server.endpoint)
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", proxy.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield proxy, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        proxy.over.set()
        await runner.cleanup()


@pytest.fixture
async def proxy_and_url(s3: S3Server) -> AsyncIterator[tuple[Proxy, str]]:
    async with proxied(s3) as both:
        yield both


@pytest.fixture
def proxy(proxy_and_url: tuple[Proxy, str]) -> Proxy:
    return proxy_and_url[0]


@pytest.fixture
async def storage(s3: S3Server, proxy_and_url: tuple[Proxy, str]) -> AsyncIterator[Storage]:
    endpoint = Endpoint(proxy_and_url[1], s3.region, s3.bucket, s3.jobs.access, s3.jobs.secret)
    async with open_storage(endpoint, read_timeout=1.0) as storage:
        yield storage


async def _upload(s3: S3Server, storage: Storage) -> tuple[str, list[tuple[int, str]]]:
    upload_id = await storage.create_upload("key")
    query = {"partNumber": "1", "uploadId": upload_id}
    await asyncio.to_thread(signed, s3, "PUT", f"/{s3.bucket}/key", query=query, body=BODY)
    return upload_id, [(part.number, part.etag) for part in await storage.list_parts("key", upload_id)]


def _is_completion(request: web.Request) -> bool:
    return request.method == "POST" and "uploadId" in request.query


ERROR_IN_200 = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"""


async def test_a_completion_that_answers_200_with_an_error_is_an_error(
    s3: S3Server, storage: Storage, proxy: Proxy
) -> None:
    upload_id, parts = await _upload(s3, storage)

    async def lie(request: web.Request, _: bytes) -> web.Response | None:
        return web.Response(text=ERROR_IN_200, content_type="application/xml") if _is_completion(request) else None

    proxy.before = lie
    with pytest.raises(StorageUnavailable):
        await storage.complete_upload("key", upload_id, parts)
    assert await storage.head("key") is None

    proxy.before = None
    assert (await storage.complete_upload("key", upload_id, parts)).size_bytes == len(BODY)


async def test_a_completion_whose_answer_is_lost_can_be_found_out(s3: S3Server, storage: Storage, proxy: Proxy) -> None:
    upload_id, parts = await _upload(s3, storage)

    async def drop(request: web.Request, _: bytes) -> web.Response | None:
        if _is_completion(request) and request.transport is not None:
            request.transport.abort()
        return None

    proxy.after = drop
    with pytest.raises((UploadGone, StorageUnavailable)):
        await storage.complete_upload("key", upload_id, parts)

    proxy.after = None
    with pytest.raises(UploadGone):
        await storage.complete_upload("key", upload_id, parts)
    found = await storage.head("key")
    assert found is not None
    assert found.size_bytes == len(BODY)


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_an_overloaded_server_is_unavailable(storage: Storage, proxy: Proxy, status: int) -> None:
    async def refuse(_request: web.Request, _body: bytes) -> web.Response:
        return web.Response(status=status)

    proxy.before = refuse
    for call in (storage.create_upload("k"), storage.head("k")):
        with pytest.raises(StorageUnavailable):
            await call


async def test_slow_down_is_unavailable(storage: Storage, proxy: Proxy) -> None:
    async def slow_down(_request: web.Request, _body: bytes) -> web.Response:
        return web.Response(status=503, text="<Error><Code>SlowDown</Code></Error>", content_type="application/xml")

    proxy.before = slow_down
    with pytest.raises(StorageUnavailable):
        await storage.create_upload("k")


async def test_a_server_that_does_not_answer_is_unavailable(storage: Storage, proxy: Proxy) -> None:
    async def stall(_request: web.Request, _body: bytes) -> web.Response:
        await proxy.over.wait()
        return web.Response(status=503)

    proxy.before = stall
    with pytest.raises(StorageUnavailable):
        await storage.head("k")
    assert len(proxy.seen) == 2  # once more, and no oftener


async def test_a_server_without_batch_deletes_is_asked_one_by_one(s3: S3Server, storage: Storage, proxy: Proxy) -> None:
    for key in ("a", "b"):
        await asyncio.to_thread(signed, s3, "PUT", f"/{s3.bucket}/{key}", body=BODY)

    async def unknown(request: web.Request, _: bytes) -> web.Response | None:
        refusal = web.Response(
            status=501, text="<Error><Code>NotImplemented</Code></Error>", content_type="application/xml"
        )
        return refusal if request.method == "POST" else None

    proxy.before = unknown
    assert await storage.delete_many(["a", "b"]) == {"a", "b"}
    assert await storage.head("a") is None


async def test_a_batch_delete_tells_what_is_left(storage: Storage, proxy: Proxy) -> None:
    async def partly(request: web.Request, _: bytes) -> web.Response | None:
        text = "<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>"
        return web.Response(text=text, content_type="application/xml") if request.method == "POST" else None

    proxy.before = partly
    assert await storage.delete_many(["a", "b"]) == {"a"}


def test_the_endpoint_keeps_its_secret_out_of_sight() -> None:
    endpoint = Endpoint("http://127.0.0.1:1", "r", "bucket", "access", "very-secret")
    assert "very-secret" not in repr(replace(endpoint, region="x"))
