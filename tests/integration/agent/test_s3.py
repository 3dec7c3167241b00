import asyncio
import hashlib
import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aioboto3
import pytest
from aiobotocore.config import AioConfig
from aiohttp import web

from tests.certificates import self_signed
from tseeder_agent.adapters.s3 import Endpoint, PartStore, open_part_store
from tseeder_agent.domain.storage import PartBytes, StorageRefused, StorageUnavailable, UploadGone, WriteTarget
from tseeder_kit.errors import AppError
from tseeder_stack.s3 import S3Server

PART = 5 << 20


@pytest.fixture(params=["rclone", pytest.param("radosgw", marks=pytest.mark.radosgw)])
def server(request: pytest.FixtureRequest) -> S3Server:
    """Each S3 server in turn, with a bucket of the test's own."""
    found = request.getfixturevalue("s3" if request.param == "rclone" else "radosgw")
    assert isinstance(found, S3Server)
    return found


def endpoint(server: S3Server) -> Endpoint:
    return Endpoint(server.endpoint, server.region, server.agent.access, server.agent.secret)


@pytest.fixture
async def store(server: S3Server) -> AsyncIterator[PartStore]:
    async with open_part_store(endpoint(server)) as store:
        yield store


@asynccontextmanager
async def as_jobs(server: S3Server) -> AsyncIterator[Any]:
    config = AioConfig(signature_version="s3v4", s3={"addressing_style": "path"})
    session = aioboto3.Session(server.jobs.access, server.jobs.secret, region_name=server.region)
    async with session.client("s3", endpoint_url=server.endpoint, config=config) as client:
        yield client


def body(data: bytes) -> PartBytes:
    return PartBytes(data, zlib.crc32(data), hashlib.sha256(data).digest())


async def content(client: Any, bucket: str, key: str) -> bytes:
    answer = await client.get_object(Bucket=bucket, Key=key)
    data = await answer["Body"].read()
    assert isinstance(data, bytes)
    return data


async def test_parts_and_whole_files_arrive_as_they_were(server: S3Server, store: PartStore) -> None:
    parts = [os.urandom(PART), os.urandom(PART), os.urandom(17)]
    async with as_jobs(server) as jobs:
        upload = (await jobs.create_multipart_upload(Bucket=server.bucket, Key="ab/cd"))["UploadId"]
        etags = [
            await store.put(WriteTarget(server.bucket, "ab/cd", upload, number), body(data))
            for number, data in enumerate(parts, start=1)
        ]
        assert etags == [hashlib.md5(data, usedforsecurity=False).hexdigest() for data in parts]
        listed = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
        await jobs.complete_multipart_upload(
            Bucket=server.bucket, Key="ab/cd", UploadId=upload, MultipartUpload={"Parts": listed}
        )
        await store.put(WriteTarget(server.bucket, "ef/01"), body(b"small"))
        assert await content(jobs, server.bucket, "ab/cd") == b"".join(parts)
        assert await content(jobs, server.bucket, "ef/01") == b"small"


async def test_a_presigned_url_needs_no_key(server: S3Server) -> None:
    nobody = replace(endpoint(server), access_key="nobody", secret_key="nothing")
    async with as_jobs(server) as jobs, open_part_store(nobody) as store:
        url = await jobs.generate_presigned_url("put_object", Params={"Bucket": server.bucket, "Key": "k"})
        etag = await store.put(WriteTarget(server.bucket, "k", presigned_url=url), body(b"presigned"))
        assert etag == hashlib.md5(b"presigned", usedforsecurity=False).hexdigest()
        assert await content(jobs, server.bucket, "k") == b"presigned"
        with pytest.raises(StorageUnavailable):
            await store.put(WriteTarget(server.bucket, "k", presigned_url=url.replace("/k?", "/other?")), body(b"x"))


async def test_wrong_keys_are_refused_for_good(server: S3Server) -> None:
    async with open_part_store(replace(endpoint(server), secret_key="wrong-secret")) as store:
        with pytest.raises(StorageRefused) as caught:
            await store.put(WriteTarget(server.bucket, "k"), body(b"x"))
    assert caught.value.code == "storage_refused"
    assert "wrong-secret" not in str(caught.value)


async def test_a_bucket_that_is_not_there_says_nothing_of_uploads(store: PartStore) -> None:
    with pytest.raises(StorageRefused):
        await store.put(WriteTarget("no-such-bucket", "k"), body(b"x"))


async def test_an_upload_that_is_gone(server: S3Server, store: PartStore) -> None:
    async with as_jobs(server) as jobs:
        upload = (await jobs.create_multipart_upload(Bucket=server.bucket, Key="k"))["UploadId"]
        await jobs.abort_multipart_upload(Bucket=server.bucket, Key="k", UploadId=upload)
    with pytest.raises(UploadGone):
        await store.put(WriteTarget(server.bucket, "k", upload, 1), body(b"x"))


async def test_a_server_that_is_away_may_come_back(server: S3Server) -> None:
    async with open_part_store(replace(endpoint(server), url="http://127.0.0.1:9")) as store:
        with pytest.raises(StorageUnavailable):
            await store.put(WriteTarget(server.bucket, "k"), body(b"x"))


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (200, "<Error><Code>InternalError</Code></Error>", StorageUnavailable),
        (200, "", StorageUnavailable),
        (404, "<html>no such path here</html>", StorageRefused),
        (404, "", StorageRefused),
        (409, "<Error><Code>ConditionalRequestConflict</Code></Error>", StorageUnavailable),  # AWS: one is under way
    ],
)
@pytest.mark.parametrize("way", ["part", "whole", "presigned"])
async def test_what_no_s3_server_would_answer_says_nothing_of_the_write(
    way: str, status: int, text: str, error: type[AppError]
) -> None:
    async with answering(status, text) as url, open_part_store(Endpoint(url, "r", "a", "s")) as store:
        targets = {
            "part": WriteTarget("b", "k", "upload", 1),
            "whole": WriteTarget("b", "k"),
            "presigned": WriteTarget("b", "k", "upload", 1, presigned_url=f"{url}/b/k?X-Amz-Signature=0"),
        }
        with pytest.raises(error):
            await store.put(targets[way], body(b"x"))


@pytest.mark.parametrize("way", ["part", "presigned"])
async def test_an_error_that_comes_in_pieces_is_read_whole(way: str) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        pieces = web.StreamResponse(status=404)
        await pieces.prepare(request)
        for piece in (b"<?xml version='1.0'?><Error><Co", b"de>NoSuchUpl", b"oad</Code></Error>"):
            await pieces.write(piece)
            await asyncio.sleep(0)
        return pieces

    async with serving(answer) as url, open_part_store(Endpoint(url, "r", "a", "s")) as store:
        presigned = f"{url}/b/k?X-Amz-Signature=0" if way == "presigned" else ""
        with pytest.raises(UploadGone):
            await store.put(WriteTarget("b", "k", "upload", 1, presigned_url=presigned), body(b"x"))


async def test_nothing_is_put_into_a_bucket_or_under_a_key_without_a_name(server: S3Server, store: PartStore) -> None:
    for bucket, key in (("", "k"), (server.bucket, "")):
        with pytest.raises(StorageRefused):
            await store.put(WriteTarget(bucket, key), body(b"x"))


async def test_names_are_signed_as_they_are_sent(server: S3Server, store: PartStore) -> None:
    key = "a b/ü+&=?#%~'()*!"
    async with as_jobs(server) as jobs:
        await store.put(WriteTarget(server.bucket, key), body(b"odd"))
        assert await content(jobs, server.bucket, key) == b"odd"


async def test_a_host_is_signed_as_it_is_sent(server: S3Server) -> None:
    named = replace(endpoint(server), url=server.endpoint.replace("127.0.0.1", "LocalHost"))
    async with open_part_store(named) as store, as_jobs(server) as jobs:
        await store.put(WriteTarget(server.bucket, "named"), body(b"x"))
        assert await content(jobs, server.bucket, "named") == b"x"


async def test_a_slow_line_is_no_standstill() -> None:
    """More than the time for one write, but never that long without a byte."""
    async with reading(pause=0.05) as url, open_part_store(Endpoint(url, "r", "a", "s"), timeout=2) as store:
        assert await store.put(WriteTarget("b", "k"), body(bytes(16 << 20))) == "e"


async def test_a_server_that_stops_reading_is_given_up() -> None:
    async with reading(pause=3600) as url, open_part_store(Endpoint(url, "r", "a", "s"), timeout=0.5) as store:
        with pytest.raises(StorageUnavailable):
            await store.put(WriteTarget("b", "k"), body(bytes(16 << 20)))


async def test_a_server_that_knows_no_expect_is_not_asked_again() -> None:
    async with reading(pause=0, continues=False) as url:
        async with open_part_store(Endpoint(url, "r", "a", "s"), timeout=0.5) as store:
            with pytest.raises(StorageUnavailable):
                await store.put(WriteTarget("b", "k"), body(bytes(PART)))
            assert await store.put(WriteTarget("b", "k"), body(bytes(PART))) == "e"


async def test_the_environment_s_proxy_is_used_and_whom_it_excepts(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        seen.append(str(request.url))
        return web.Response(headers={"ETag": '"e"'})

    async with serving(answer) as proxy, reading(pause=0) as direct:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        for url in ("http://s3.test", direct):
            async with open_part_store(Endpoint(url, "r", "a", "s")) as store:
                assert await store.put(WriteTarget("b", "k"), body(b"x")) == "e"
    assert seen == ["http://s3.test/b/k"]


async def test_only_a_certificate_of_the_bundle_is_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    async with reading(pause=0, tls=tls) as url:
        # What this machine's environment names is no bundle of the test's.
        for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        async with open_part_store(Endpoint(url, "r", "a", "s")) as store:
            with pytest.raises(StorageUnavailable):
                await store.put(WriteTarget("b", "k"), body(b"x"))
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        async with open_part_store(Endpoint(url, "r", "a", "s")) as store:
            assert await store.put(WriteTarget("b", "k"), body(b"x")) == "e"


@asynccontextmanager
async def reading(*, pause: float, continues: bool = True, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that reads 256 KiB after each pause, with little room for more, and then says that it has all.

    `continues`: whether it asks for the body of who wants to be asked."""
    over = asyncio.Event()
    served: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        left = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if continues and b"expect: 100-continue" in head:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while left:
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), pause)
                return
            left -= len(await reader.readexactly(min(left, 256 << 10)))
        writer.write(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.create_task(connected(reader, writer)))

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)  # of what it accepts, too
    listener.bind(("127.0.0.1", 0))
    async with await asyncio.start_server(accept, sock=listener, limit=256 << 10, ssl=tls):
        yield f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        await asyncio.gather(*served)


@asynccontextmanager
async def answering(status: int, text: str) -> AsyncIterator[str]:
    """The URL of a server that answers everything so: a proxy that goes wrong, say."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=status, text=text)

    async with serving(answer) as url:
        yield url


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application(client_max_size=PART)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.radosgw
async def test_bytes_that_changed_on_the_way_are_refused(radosgw: S3Server) -> None:
    async with open_part_store(endpoint(radosgw)) as store:
        with pytest.raises(StorageRefused):
            await store.put(WriteTarget(radosgw.bucket, "k"), PartBytes(b"x", 0, hashlib.sha256(b"y").digest()))


def test_payloads_are_signed_over_plain_http_and_by_setting() -> None:
    plain = Endpoint("http://s3", "r", "a", "s")
    assert plain.signs_payload
    assert not replace(plain, url="https://s3").signs_payload
    assert replace(plain, url="https://s3", sign_payload="always").signs_payload
    assert not replace(plain, sign_payload="never").signs_payload
