"""The storage adapter on real servers: rclone, and RadosGW, which is strict."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests.integration.jobs.playing import agents_s3
from tests.integration.jobs.running import eventually
from tseeder_jobs.adapters.s3 import Endpoint, Storage, StoredObject, open_storage
from tseeder_jobs.domain.lifecycle import ABORT_RULE_ID
from tseeder_jobs.domain.storage import PartsRejected, StorageRefused, StorageUnavailable, UploadGone
from tseeder_kit.ids import object_key
from tseeder_stack.s3 import S3Server, signed

PART = 5 << 20
FIRST, LAST = b"a" * PART, b"b" * 1000


def endpoint_of(server: S3Server) -> Endpoint:
    """The storage that jobs sees."""
    return Endpoint(server.endpoint, server.region, server.bucket, server.jobs.access, server.jobs.secret)


async def put(server: S3Server, key: str, body: bytes) -> None:
    """A whole object, as an agent writes it."""
    status, answer = await asyncio.to_thread(signed, server, "PUT", f"/{server.bucket}/{key}", body=body)
    assert status == 200, answer


async def put_part(server: S3Server, key: str, upload_id: str, number: int, body: bytes) -> None:
    """A part, as an agent writes it."""
    query = {"partNumber": str(number), "uploadId": upload_id}
    status, answer = await asyncio.to_thread(signed, server, "PUT", f"/{server.bucket}/{key}", query=query, body=body)
    assert status == 200, answer


async def fetch(url: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.read(), {name.lower(): value for name, value in answer.headers.items()}


async def put_by(url: str, body: bytes, **headers: str) -> int:
    """The status of a PUT by a presigned URL."""
    async with aiohttp.ClientSession() as session:
        async with session.put(
            URL(url, encoded=True), data=body, headers=headers, skip_auto_headers=["Content-Type"]
        ) as answer:
            return answer.status


async def rules_of(server: S3Server) -> list[dict[str, Any]]:
    """The bucket's lifecycle."""
    async with agents_s3(replace(server, agent=server.jobs)) as client:
        answer = await client.get_bucket_lifecycle_configuration(Bucket=server.bucket)
        return list(answer["Rules"])


def _with_md5(params: dict[str, Any], **_: object) -> None:
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()


@asynccontextmanager
async def tampering(upstream: str, old: bytes, new: bytes) -> AsyncIterator[str]:
    """The URL of a proxy before `upstream` that changes what clients send; `old` and `new` have one length."""
    host, port = upstream.removeprefix("http://").split(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, changed: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data.replace(old, new) if changed else data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, far_writer, changed=True), pump(far_reader, writer, changed=False))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class StorageTests:
    """What holds on every S3 server."""

    @pytest.fixture
    async def storage(self, server: S3Server) -> AsyncIterator[Storage]:
        async with open_storage(endpoint_of(server)) as storage:
            yield storage

    async def test_bytes_of_an_object_are_read(self, server: S3Server, storage: Storage) -> None:
        await put(server, "folder/read it+", b"0123456789")
        await put(server, "empty", b"")
        assert await storage.read("folder/read it+", 4) == b"0123"
        assert await storage.read("folder/read it+", 4, 3) == b"3456"
        assert await storage.read("folder/read it+", 100, 8) == b"89"
        assert await storage.read("folder/read it+", 4, 10) == b""
        assert await storage.read("empty", 4) == b""
        assert await storage.read("nothing", 4) is None
        assert await storage.head("empty") == StoredObject(0, hashlib.md5(b"", usedforsecurity=False).hexdigest())

    @pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "anything"])
    async def test_what_is_stored_counts_and_not_what_it_decodes_to(
        self, server: S3Server, storage: Storage, coding: str
    ) -> None:
        async with agents_s3(replace(server, agent=server.jobs)) as client:
            await client.put_object(Bucket=server.bucket, Key=coding, Body=b"0123456789", ContentEncoding=coding)
        found = await storage.head(coding)
        assert found is not None
        assert found.size_bytes == 10
        assert await storage.read(coding, 20) == b"0123456789"

    async def test_an_upload_becomes_an_object(self, server: S3Server, storage: Storage) -> None:
        upload_id = await storage.create_upload("folder/key")
        assert [each.upload_id async for each in storage.list_uploads("folder/")] == [upload_id]
        assert [each async for each in storage.list_uploads("other/")] == []
        await put_part(server, "folder/key", upload_id, 1, FIRST)
        await put_part(server, "folder/key", upload_id, 2, LAST)
        parts = await storage.list_parts("folder/key", upload_id)
        assert [(part.number, part.size_bytes) for part in parts] == [(1, PART), (2, len(LAST))]
        assert parts[0].etag == hashlib.md5(FIRST, usedforsecurity=False).hexdigest()

        stored = await storage.complete_upload("folder/key", upload_id, [(part.number, part.etag) for part in parts])

        assert stored.size_bytes == PART + len(LAST)
        assert stored.etag
        assert await storage.head("folder/key") == stored
        assert [each async for each in storage.list_uploads()] == []
        _, body, _ = await fetch(await storage.presign_get("folder/key", seconds=60))
        assert body == FIRST + LAST

    async def test_a_neighbour_that_is_deleted_takes_no_open_upload_with_it(
        self, server: S3Server, storage: Storage
    ) -> None:
        neighbour = object_key()
        key = f"{neighbour[:2]}/{object_key()[3:]}"

        async def completed(key: str, upload_id: str) -> int:
            await put_part(server, key, upload_id, 1, LAST)
            etag = (await storage.list_parts(key, upload_id))[0].etag
            return (await storage.complete_upload(key, upload_id, [(1, etag)])).size_bytes

        await completed(neighbour, await storage.create_upload(neighbour))
        upload_id = await storage.create_upload(key)

        await storage.delete(neighbour)

        assert await completed(key, upload_id) == len(LAST)

    async def test_a_repeated_completion_finds_the_upload_gone_and_the_object_there(
        self, server: S3Server, storage: Storage
    ) -> None:
        upload_id = await storage.create_upload("key")
        await put_part(server, "key", upload_id, 1, LAST)
        parts = [(part.number, part.etag) for part in await storage.list_parts("key", upload_id)]
        stored = await storage.complete_upload("key", upload_id, parts)
        try:
            assert await storage.complete_upload("key", upload_id, parts) == stored  # some servers answer it again
        except UploadGone:
            assert await storage.head("key") == stored

    async def test_an_aborted_upload_is_gone_for_every_call(self, server: S3Server, storage: Storage) -> None:
        upload_id = await storage.create_upload("key")
        await put_part(server, "key", upload_id, 1, LAST)
        parts = [(part.number, part.etag) for part in await storage.list_parts("key", upload_id)]
        await storage.abort_upload("key", upload_id)
        await storage.abort_upload("key", upload_id)
        with pytest.raises(UploadGone):
            await storage.list_parts("key", upload_id)
        with pytest.raises(UploadGone):
            await storage.complete_upload("key", upload_id, parts)
        assert await storage.head("key") is None

    async def test_a_completion_with_other_parts_makes_no_object(self, server: S3Server, storage: Storage) -> None:
        for parts in ([(1, "0" * 32)], [(1, hashlib.md5(LAST, usedforsecurity=False).hexdigest()), (7, "0" * 32)]):
            upload_id = await storage.create_upload("key")
            await put_part(server, "key", upload_id, 1, LAST)
            with pytest.raises((PartsRejected, UploadGone)):
                await storage.complete_upload("key", upload_id, parts)
            assert await storage.head("key") is None
            await storage.abort_upload("key", upload_id)

    async def test_objects_are_deleted_one_by_one_and_many_at_once(self, server: S3Server, storage: Storage) -> None:
        keys = [f"k/{number}" for number in range(12)]
        for key in keys:
            await put(server, key, b"x")
        assert await storage.head(keys[0]) == StoredObject(1, hashlib.md5(b"x", usedforsecurity=False).hexdigest())
        await storage.delete(keys[0])
        await storage.delete(keys[0])
        assert await storage.delete_many([*keys, "never was"]) == {*keys, "never was"}
        assert [await storage.head(key) for key in keys] == [None] * len(keys)
        assert await storage.delete_many([]) == set()

    async def test_a_presigned_url_serves_ranges_and_says_how(self, server: S3Server, storage: Storage) -> None:
        await put(server, "key", b"0123456789")
        headers = {"content-type": "video/mp4", "content-disposition": 'attachment; filename="a b.mp4"'}
        url = await storage.presign_get("key", seconds=60, answer_headers=headers)
        _, body, told = await fetch(url, Range="bytes=2-4")  # rclone says 200 here
        assert (body, told["content-range"]) == (b"234", "bytes 2-4/10")
        assert told["content-disposition"] == headers["content-disposition"]
        assert not storage.redirects

    async def test_a_wrong_secret_is_refused_and_nothing_else(self, server: S3Server) -> None:
        async with open_storage(replace(endpoint_of(server), secret_key="wrong-secret-key")) as storage:
            for call in (storage.check(), storage.create_upload("k"), storage.head("k"), storage.delete_many(["k"])):
                with pytest.raises(StorageRefused) as caught:
                    await call
                assert caught.value.code == "storage_refused"
                assert "wrong-secret-key" not in f"{caught.value} {caught.value.details}"

    async def test_a_missing_bucket_is_no_missing_key(self, server: S3Server) -> None:
        async with open_storage(replace(endpoint_of(server), bucket="no-such-bucket")) as storage:
            calls = (
                storage.check(), storage.create_upload("k"), storage.list_parts("k", "u"), storage.head("k"),
                storage.read("k", 1),
            )  # fmt: skip
            for call in calls:
                with pytest.raises(StorageRefused):
                    await call

    async def test_the_bucket_is_there(self, storage: Storage) -> None:
        await storage.check()


class TestOnRclone(StorageTests):
    @pytest.fixture
    def server(self, s3: S3Server) -> S3Server:
        return s3


class TestOnRadosGW(StorageTests):
    @pytest.fixture
    def server(self, radosgw: S3Server) -> S3Server:
        return radosgw

    async def test_an_expired_url_is_refused(self, server: S3Server, storage: Storage) -> None:
        await put(server, "key", b"x")
        read = await storage.presign_get("key", seconds=1)
        write = await storage.presign_put("other", size_bytes=1, seconds=1)
        assert (await fetch(read))[0] == 200

        async def expired() -> bool:
            return (await fetch(read))[0] == 403

        await eventually(expired)
        assert await put_by(write, b"x", **{"If-None-Match": "*"}) == 403
        assert await storage.head("other") is None

    async def test_more_than_one_page_is_listed(self, server: S3Server) -> None:
        """Of parts, of uploads (some of the same key), and of objects."""
        async with open_storage(endpoint_of(server), page=3) as storage:
            upload_id = await storage.create_upload("key")
            for number in range(1, 11):
                await put_part(server, "key", upload_id, number, b"x")
            assert [part.number for part in await storage.list_parts("key", upload_id)] == list(range(1, 11))

            opened = {(key, await storage.create_upload(key)) for key in ("key", "key", "key", "other", "third") * 2}
            listed = [(each.key, each.upload_id) async for each in storage.list_uploads()]
            assert len(listed) == 11
            assert set(listed) == {*opened, ("key", upload_id)}

            keys = [f"k/{number}" for number in range(7)]
            for key in keys:
                await put(server, key, b"x")
            found: list[str] = []
            while page := await storage.list_objects(found[-1] if found else ""):
                assert len(page) <= 3
                found += [each.key for each in page]
            assert found == keys

    async def test_a_request_at_a_wrong_time_is_refused(
        self, server: S3Server, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await storage.check()
        late = datetime.now(UTC) + timedelta(minutes=20)
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: late)
        with pytest.raises(StorageRefused) as caught:
            await storage.create_upload("key")
        assert caught.value.details == {"cause": "RequestTimeTooSkewed"}

    async def test_what_is_signed_cannot_be_changed(self, server: S3Server, storage: Storage) -> None:
        """The object, the way it is answered, and the host."""
        for key in ("key", "other"):
            await put(server, key, b"0123456789")
        headers = {"content-type": "video/mp4", "content-disposition": "attachment"}
        url = await storage.presign_get("key", seconds=60, answer_headers=headers)
        assert (await fetch(url))[0] == 200
        assert (await fetch(url, Host="storage.example.org"))[0] == 403
        assert (await fetch(url.replace("127.0.0.1", "localhost")))[0] == 403
        for old, new in (("/key?", "/other?"), ("video%2Fmp4", "text%2Fhtml"), ("attachment", "inline")):
            assert old in url
            assert (await fetch(url.replace(old, new)))[0] == 403, new
        assert (await fetch(url.replace("X-Amz-Signature=", "X-Amz-Signature=0")))[0] == 403

    async def test_a_body_that_is_not_the_signed_one_is_refused(self, server: S3Server, storage: Storage) -> None:
        """On its way from jobs: here, a list of parts that somebody changed."""
        upload_id = await storage.create_upload("key")
        await put_part(server, "key", upload_id, 1, b"x")
        etag = (await storage.list_parts("key", upload_id))[0].etag
        async with tampering(server.endpoint, b"<PartNumber>1<", b"<PartNumber>2<") as url:
            async with open_storage(replace(endpoint_of(server), url=url)) as tampered:
                with pytest.raises(StorageRefused):
                    await tampered.complete_upload("key", upload_id, [(1, etag)])
        assert await storage.head("key") is None

    async def test_our_lifecycle_rule_stands_beside_others(self, server: S3Server, storage: Storage) -> None:
        theirs: Any = [
            {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 7}},
            {
                "ID": "their-own",
                "Status": "Disabled",
                "Filter": {"Prefix": "tmp/"},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            },
        ]
        assert await storage.keep_abort_rule(30)
        assert not await storage.keep_abort_rule(30)
        assert [rule["ID"] for rule in await rules_of(server)] == [ABORT_RULE_ID]
        async with agents_s3(replace(server, agent=server.jobs)) as client:
            client.meta.events.register("before-call.s3.PutBucketLifecycleConfiguration", _with_md5)
            await client.put_bucket_lifecycle_configuration(
                Bucket=server.bucket, LifecycleConfiguration={"Rules": theirs}
            )
        before = await rules_of(server)
        assert len(before) == 2
        assert await storage.keep_abort_rule(45)
        after = await rules_of(server)
        assert [rule for rule in after if rule["ID"] != ABORT_RULE_ID] == before
        ours = next(rule for rule in after if rule["ID"] == ABORT_RULE_ID)
        assert ours["Status"] == "Enabled"
        assert ours["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 45}
        assert not await storage.keep_abort_rule(45)

    async def test_a_url_for_a_write_is_good_for_that_write_only(self, server: S3Server, storage: Storage) -> None:
        upload_id = await storage.create_upload("parts")
        part = await storage.presign_part("parts", upload_id, 1, size_bytes=5, seconds=60)
        assert await put_by(part, b"longer") == 403
        assert await put_by(part.replace("partNumber=1", "partNumber=2"), b"12345") == 403
        assert await put_by(part.replace("/parts?", "/other?"), b"12345") == 403
        assert await put_by(part.replace("X-Amz-Expires=60", "X-Amz-Expires=600"), b"12345") == 403
        assert await put_by(part, b"12345") == 200
        await storage.abort_upload("parts", upload_id)
        assert await put_by(part, b"12345") == 404

        whole = await storage.presign_put("whole", size_bytes=5, seconds=60)
        once = {"If-None-Match": "*"}
        assert await put_by(whole, b"longer", **once) == 403
        assert await put_by(whole, b"12345") == 403, "the condition is signed"
        assert await put_by(whole, b"12345", **once) == 200
        assert await put_by(whole, b"54321", **once) == 412, "what is stored cannot be replaced"
        assert (await fetch(await storage.presign_get("whole", seconds=60)))[1] == b"12345"


async def test_a_server_without_lifecycles_is_left_alone(s3: S3Server) -> None:
    """rclone answers both calls with something else: a list, and that the bucket exists already."""
    await put(s3, "key", b"x")
    async with open_storage(endpoint_of(s3)) as storage:
        with pytest.raises(StorageRefused):
            await storage.keep_abort_rule(30)
        assert await storage.head("key") is not None


async def test_a_public_endpoint_signs_for_users(s3: S3Server) -> None:
    endpoint = replace(endpoint_of(s3), public_url=s3.endpoint.replace("127.0.0.1", "localhost"))
    await put(s3, "key", b"hello")
    async with open_storage(endpoint) as storage:
        assert storage.redirects
        url = await storage.presign_get("key", seconds=60, public=True)
        assert url.startswith("http://localhost:")
        assert (await fetch(url))[:2] == (200, b"hello")
        assert (await storage.presign_get("key", seconds=60)).startswith("http://127.0.0.1:")


async def test_storage_that_is_away_is_unavailable(s3: S3Server, unused_tcp_port: int) -> None:
    endpoint = replace(endpoint_of(s3), url=f"http://127.0.0.1:{unused_tcp_port}")
    async with open_storage(endpoint) as storage:
        for call in (storage.check(), storage.create_upload("k"), storage.head("k"), storage.delete_many(["k"])):
            with pytest.raises(StorageUnavailable) as caught:
                await call
            assert caught.value.retryable
