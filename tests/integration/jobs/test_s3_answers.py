"""What the storage adapter makes of answers that are lost, late or lies: a proxy that goes wrong, before a server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from tseeder_jobs.adapters.s3 import Endpoint, Storage, open_storage
from tseeder_jobs.domain.storage import StorageRefused, StorageUnavailable, UploadGone
from tseeder_stack import backing
from tseeder_stack.s3 import S3Server, signed
from tseeder_testkit.s3_faults import Answer, Cut, Fault, FaultyS3, Held, Lost, Reset, error, faulty_s3

BODY = b"x" * 1000
TRIES = 2  # of the adapter, for what may pass


@dataclass(frozen=True)
class Ground:
    """A bucket, and jobs' client of it, which comes through the proxy."""

    server: S3Server
    proxy: FaultyS3
    storage: Storage


@pytest.fixture(
    scope="module",
    params=[pytest.param("rclone", marks=pytest.mark.faults), pytest.param("radosgw", marks=pytest.mark.radosgw)],
)
def each_server(request: pytest.FixtureRequest) -> S3Server:
    """Each S3 server in turn."""
    found = request.getfixturevalue(f"{request.param}_server")
    assert isinstance(found, S3Server)
    return found


@pytest.fixture(scope="module", autouse=True)
def impatient() -> Iterator[None]:
    """The client's pause before its second try is up to a second, by chance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
        yield


@pytest.fixture(scope="module")
async def ground(each_server: S3Server) -> AsyncIterator[Ground]:
    server = replace(each_server, bucket="lost-answers")
    await backing.make_bucket(server)
    async with faulty_s3(server.endpoint) as proxy:
        endpoint = Endpoint(proxy.url, server.region, server.bucket, server.jobs.access, server.jobs.secret)
        async with open_storage(endpoint, read_timeout=0.3) as storage:
            yield Ground(server, proxy, storage)


@pytest.fixture
def server(ground: Ground) -> S3Server:
    return ground.server


@pytest.fixture
def storage(ground: Ground) -> Storage:
    return ground.storage


@pytest.fixture
def proxy(ground: Ground) -> FaultyS3:
    """The proxy, well, and counting from 0."""
    ground.proxy.heal()
    ground.proxy.seen.clear()
    ground.proxy.struck.clear()
    return ground.proxy


@pytest.fixture
def key() -> str:
    """A key of the test's own."""
    return uuid.uuid4().hex


async def upload(server: S3Server, storage: Storage, key: str) -> tuple[str, list[tuple[int, str]]]:
    """An upload with one part that S3 holds."""
    upload_id = await storage.create_upload(key)
    query = {"partNumber": "1", "uploadId": upload_id}
    await asyncio.to_thread(signed, server, "PUT", f"/{server.bucket}/{key}", query=query, body=BODY)
    return upload_id, [(part.number, part.etag) for part in await storage.list_parts(key, upload_id)]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(error(200, "InternalError"), id="200 with an error in it"),
        pytest.param(error(503, "SlowDown"), id="SlowDown"),
        pytest.param(Answer(500), id="500 without words"),
        pytest.param(Answer(200), id="200 without words"),
        pytest.param(Reset(), id="reset"),
        pytest.param(Held(), id="no answer"),
    ],
)
async def test_a_completion_that_was_not_done_is_unavailable_and_can_be_repeated(
    server: S3Server, storage: Storage, proxy: FaultyS3, key: str, fault: Fault
) -> None:
    upload_id, parts = await upload(server, storage, key)
    proxy.fail(fault, "CompleteMultipartUpload")
    with pytest.raises(StorageUnavailable):
        await storage.complete_upload(key, upload_id, parts)
    assert 1 <= proxy.struck["CompleteMultipartUpload"] <= TRIES
    assert await storage.head(key) is None

    proxy.heal()
    try:
        assert (await storage.complete_upload(key, upload_id, parts)).size_bytes == len(BODY)
    except UploadGone:  # what was held until now was passed on first
        assert isinstance(fault, Held)
    found = await storage.head(key)
    assert found is not None
    assert found.size_bytes == len(BODY)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Lost(), id="no answer"),
        pytest.param(Cut(), id="half of it"),
        pytest.param(error(200, "InternalError", after=True), id="200 with an error in it"),
        pytest.param(error(503, "SlowDown", after=True), id="SlowDown"),
    ],
)
@pytest.mark.parametrize("times", [1, TRIES], ids=["once", "always"])
async def test_a_completion_whose_answer_is_lost_can_be_found_out(
    server: S3Server, storage: Storage, proxy: FaultyS3, key: str, fault: Fault, times: int
) -> None:
    upload_id, parts = await upload(server, storage, key)
    proxy.fail(fault, "CompleteMultipartUpload", times=times)
    with suppress(UploadGone, StorageUnavailable):  # not PartsRejected: the parts would go up again
        await storage.complete_upload(key, upload_id, parts)
    assert proxy.struck["CompleteMultipartUpload"] >= 1
    proxy.heal()
    try:
        again = await storage.complete_upload(key, upload_id, parts)
    except UploadGone:
        again = None
    found = await storage.head(key)
    assert found is not None
    assert found.size_bytes == len(BODY)
    assert again in (None, found)


@pytest.mark.parametrize("fault", [Lost(), Reset(), Cut(), error(503, "SlowDown"), Answer(200)], ids=repr)
async def test_an_open_whose_answer_is_lost_leaves_an_upload_that_can_be_listed(
    storage: Storage, proxy: FaultyS3, key: str, fault: Fault
) -> None:
    proxy.fail(fault, "CreateMultipartUpload")
    with pytest.raises(StorageUnavailable):
        await storage.create_upload(key)
    tried = proxy.struck["CreateMultipartUpload"]
    opened = [each.upload_id async for each in storage.list_uploads(key)]
    assert len(opened) == (tried if isinstance(fault, Lost | Cut) else 0)
    for upload_id in opened:
        await storage.abort_upload(key, upload_id)
    assert [each async for each in storage.list_uploads(key)] == []


@pytest.mark.parametrize("fault", [Lost(), Reset(), error(503, "SlowDown")], ids=repr)
async def test_what_is_lost_once_is_asked_again(
    server: S3Server, storage: Storage, proxy: FaultyS3, key: str, fault: Fault
) -> None:
    """Aborts, deletes and looks may be repeated; nobody above hears of one that failed once."""
    upload_id, _ = await upload(server, storage, key)
    await asyncio.to_thread(signed, server, "PUT", f"/{server.bucket}/{key}-a", body=BODY)
    once = (
        "ListParts", "AbortMultipartUpload", "HeadObject", "GetObject", "DeleteObject", "ListMultipartUploads",
        "DeleteObjects",
    )  # fmt: skip
    proxy.fail(fault, *once, times=1)
    assert len(await storage.list_parts(key, upload_id)) == 1
    await storage.abort_upload(key, upload_id)
    assert [each async for each in storage.list_uploads(key)] == []
    assert await storage.head(f"{key}-a") is not None
    assert await storage.read(f"{key}-a", 10) == BODY[:10]
    await storage.delete(f"{key}-a")
    assert await storage.head(f"{key}-a") is None
    assert await storage.delete_many(["a", "b"]) == {"a", "b"}
    assert [proxy.struck[name] for name in once] == [1] * len(once)


@pytest.mark.parametrize("fault", [Cut(), Answer(200), Answer(200, "<html>hello</html>")], ids=repr)
async def test_a_list_that_is_no_list_says_nothing(
    server: S3Server, storage: Storage, proxy: FaultyS3, key: str, fault: Fault
) -> None:
    """Parts that S3 holds would go up twice, or uploads be taken for gone."""
    upload_id, _ = await upload(server, storage, key)
    proxy.fail(fault, "ListParts", "ListMultipartUploads", "ListObjectsV2")
    with pytest.raises(StorageUnavailable):
        await storage.list_parts(key, upload_id)
    with pytest.raises(StorageUnavailable):
        await anext(storage.list_uploads())
    with pytest.raises(StorageUnavailable):
        await storage.list_objects()


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_an_overloaded_server_is_unavailable(storage: Storage, proxy: FaultyS3, status: int) -> None:
    proxy.fail(Answer(status))
    for call in (storage.create_upload("k"), storage.head("k")):
        with pytest.raises(StorageUnavailable):
            await call


async def test_a_server_that_does_not_answer_is_asked_once_more_and_no_oftener(
    storage: Storage, proxy: FaultyS3
) -> None:
    proxy.fail(Held())
    with pytest.raises(StorageUnavailable):
        await storage.head("k")
    assert proxy.seen["HeadObject"] == TRIES


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("fault", [Cut(), Answer(200), Answer(200, "<html/>")], ids=repr)
async def test_of_an_answer_that_is_none_nothing_is_taken(
    server: S3Server, storage: Storage, proxy: FaultyS3, key: str, fault: Fault, first: int
) -> None:
    await asyncio.to_thread(signed, server, "PUT", f"/{server.bucket}/{key}", body=BODY)
    proxy.fail(fault, "GetObject")
    with pytest.raises(StorageUnavailable):
        await storage.read(key, len(BODY) - first, first)
    proxy.fail(Answer(200), "HeadObject")
    with pytest.raises(StorageUnavailable):
        await storage.head(key)


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        pytest.param(Answer(404), StorageUnavailable, id="whoever"),
        pytest.param(Answer(404, "404 page not found"), StorageUnavailable, id="an ingress"),
        pytest.param(error(404, "NoSuchBucket"), StorageRefused, id="no bucket"),
        pytest.param(error(403, "AccessDenied"), StorageRefused, id="no right"),
    ],
)
async def test_only_s3_says_that_an_object_is_not_there(
    storage: Storage, proxy: FaultyS3, key: str, answer: Answer, raised: type[Exception]
) -> None:
    """What is taken for missing is given up, and deleted or fetched anew."""
    assert await storage.head(key) is None
    proxy.fail(Answer(answer.status), "HeadObject")
    proxy.fail(answer, "GetObject")
    for call in (storage.head(key), storage.read(key, 1)):
        with pytest.raises(raised):
            await call


async def test_a_404_that_is_not_s3_s_says_nothing_of_an_upload(
    server: S3Server, storage: Storage, proxy: FaultyS3, key: str
) -> None:
    """Its parts would all go up again."""
    upload_id, parts = await upload(server, storage, key)
    proxy.fail(Answer(404, "404 page not found"))
    for call in (storage.list_parts(key, upload_id), storage.complete_upload(key, upload_id, parts)):
        with pytest.raises(StorageUnavailable):
            await call
    with pytest.raises(StorageUnavailable):
        await storage.abort_upload(key, upload_id)
    proxy.heal()
    assert await storage.list_parts(key, upload_id)


async def test_an_object_that_comes_between_two_looks_is_not_given_up(
    server: S3Server, storage: Storage, proxy: FaultyS3, key: str
) -> None:
    await asyncio.to_thread(signed, server, "PUT", f"/{server.bucket}/{key}", body=BODY)
    proxy.fail(Answer(404), "HeadObject", times=1)
    with pytest.raises(StorageUnavailable):
        await storage.head(key)
    assert await storage.head(key) is not None


async def test_a_server_without_batch_deletes_is_asked_one_by_one(
    server: S3Server, storage: Storage, proxy: FaultyS3
) -> None:
    for key in ("a", "b"):
        await asyncio.to_thread(signed, server, "PUT", f"/{server.bucket}/{key}", body=BODY)
    proxy.fail(error(501, "NotImplemented"), "DeleteObjects")
    assert await storage.delete_many(["a", "b"]) == {"a", "b"}
    assert await storage.head("a") is None


async def test_a_batch_delete_tells_what_is_left(storage: Storage, proxy: FaultyS3) -> None:
    text = "<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    proxy.fail(Answer(200, text), "DeleteObjects")
    assert await storage.delete_many(["a", "b"]) == {"a"}


@pytest.mark.parametrize("answer", [Answer(200), Answer(200, "<html/>"), Answer(404), error(403, "AccessDenied")])
async def test_a_lifecycle_that_cannot_be_read_is_not_written_over(
    storage: Storage, proxy: FaultyS3, answer: Answer
) -> None:
    proxy.fail(answer, "GetBucketLifecycleConfiguration")
    with pytest.raises((StorageRefused, StorageUnavailable)):
        await storage.keep_abort_rule(30)
    assert proxy.seen["PutBucketLifecycleConfiguration"] == 0


def test_the_endpoint_keeps_its_secret_out_of_sight() -> None:
    endpoint = Endpoint("http://127.0.0.1:1", "r", "bucket", "access", "very-secret")
    assert "very-secret" not in repr(replace(endpoint, region="x"))
