"""Object storage, as jobs needs it: opens, lists, completes and aborts uploads, looks at objects, deletes, presigns,
and keeps the bucket's rule for what everybody forgot.

Made for any S3: what Ceph RadosGW and `rclone serve s3` do differently from AWS is levelled here and tested on both.
Every error is an AppError: UploadGone, PartsRejected, StorageRefused or StorageUnavailable.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import aioboto3
from aiobotocore.config import AioConfig

from tseeder_jobs.adapters.s3_calls import GONE, call
from tseeder_jobs.adapters.s3_looks import Looks
from tseeder_jobs.domain.lifecycle import with_abort_rule
from tseeder_jobs.domain.storage import StorageRefused, StorageUnavailable, UploadGone
from tseeder_kit.logging import get_logger
from tseeder_s3 import Signer, open_session

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

DELETE_BATCH: Final = 1000
LARGEST_PAGE: Final = 1000
_DELETES_AT_ONCE: Final = 8
_CONNECTIONS: Final = 64
_LOOKS_AT_ONCE: Final = 32
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the storage is, and as whom it is used. `public_url` is where users' own clients reach it, if they do;
    `agent_url` where agents do, if elsewhere."""

    url: str
    region: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    public_url: str | None = None
    agent_url: str | None = None


def crc32_header(crc32: int) -> str:
    """As `x-amz-checksum-crc32` has it: four bytes, the highest first, in base64."""
    return base64.b64encode(crc32.to_bytes(4)).decode()


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that S3 holds; `etag` without its quotes."""

    number: int
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as S3 tells of it; `etag` without its quotes."""

    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object in a listing."""

    key: str
    modified_at: datetime
    size_bytes: int


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """A multipart upload that is neither completed nor aborted."""

    key: str
    upload_id: str
    initiated_at: datetime


class Storage:
    """One bucket. Made by `open_storage`."""

    def __init__(
        self,
        client: S3Client,
        looks: Looks,
        bucket: str,
        *,
        public: S3Client | None = None,
        agents: S3Client | None = None,
        page: int = LARGEST_PAGE,
    ) -> None:
        self._s3 = client
        self._looks = looks
        self._page = page
        self._public = public
        self._agents = agents or client
        self.bucket: Final = bucket

    @property
    def redirects(self) -> bool:
        """Whether users' own clients can be sent to the storage."""
        return self._public is not None

    async def check(self) -> None:
        """Raises StorageRefused or StorageUnavailable if the bucket cannot be used now."""
        with call("head_bucket"):
            await self._s3.head_bucket(Bucket=self.bucket)
        await self._looks.check()

    async def create_upload(self, key: str, *, with_crc32: bool = False) -> str:
        """Open a multipart upload; gives its id. `with_crc32`: each of its parts goes up with its CRC32, and
        completion names them."""
        how: Any = {"ChecksumAlgorithm": "CRC32"} if with_crc32 else {}
        with call("create_upload"):
            answer = await self._s3.create_multipart_upload(Bucket=self.bucket, Key=key, **how)
            return _told(answer, "UploadId")

    async def list_parts(self, key: str, upload_id: str) -> list[StoredPart]:
        """What S3 holds of an upload, by number. UploadGone if there is no such upload."""
        found: list[StoredPart] = []
        with call("list_parts"):
            pages = self._s3.get_paginator("list_parts").paginate(
                Bucket=self.bucket, Key=key, UploadId=upload_id, PaginationConfig={"PageSize": self._page}
            )
            async for page in pages:
                _told(page, "UploadId")
                for part in page.get("Parts", ()):
                    found.append(StoredPart(part["PartNumber"], part["Size"], _bare(part["ETag"])))
        return sorted(found, key=lambda part: part.number)

    async def list_uploads(self, prefix: str = "") -> AsyncIterator[OpenUpload]:
        """All open uploads of keys that begin with `prefix`."""
        pages = self._s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=self.bucket, Prefix=prefix, PaginationConfig={"PageSize": self._page}
        )
        iterator = aiter(pages)
        while True:
            try:
                with call("list_uploads"):
                    page = await anext(iterator, None)
                    if page is not None:
                        _told(page, "Bucket")
            except UploadGone:  # rclone, while no upload was opened since it started
                return
            if page is None:
                return
            for upload in page.get("Uploads", ()):
                yield OpenUpload(upload["Key"], upload["UploadId"], upload["Initiated"])

    async def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[tuple[int, str]], *, crc32s: Mapping[int, int] | None = None
    ) -> StoredObject:
        """Make an object of the parts `(number, etag)`; gives it as S3 has it then. `crc32s`: those of all parts, by
        number, where the upload was opened `with_crc32`.

        UploadGone: there is no such upload, perhaps since an earlier call did it and its answer was lost: `head` tells.
        PartsRejected: S3 holds other parts than these.
        """
        checks = {number: {"ChecksumCRC32": crc32_header(crc32)} for number, crc32 in (crc32s or {}).items()}
        listed: Any = [
            {"PartNumber": number, "ETag": f'"{etag}"', **checks.get(number, {})} for number, etag in sorted(parts)
        ]
        try:
            with call("complete_upload"):
                await self._s3.complete_multipart_upload(
                    Bucket=self.bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": listed}
                )
        except StorageUnavailable as exc:
            if exc.details.get("cause") == "InternalError":
                # RadosGW says so ("already in progress") of an upload that was aborted. UploadGone, if it is gone.
                await self.list_parts(key, upload_id)
            raise
        # Not every server tells the ETag here (RadosGW does not), none tells the size.
        found = await self.head(key)
        if found is None:
            raise StorageUnavailable("completed, but the object is not there yet")
        return found

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Give up an upload and its parts. One that is gone already is fine."""
        try:
            with call("abort_upload"):
                await self._s3.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
        except UploadGone:
            return

    async def head(self, key: str) -> StoredObject | None:
        """The object, or None if there is none."""
        answer = await self._looks.head(key)
        if answer is None:
            return None
        size = answer.get("Content-Length", "")
        if not size.isdecimal():
            raise StorageUnavailable("HEAD tells no size")
        return StoredObject(int(size), _bare(_told(answer, "ETag")))

    async def read(self, key: str, count: int, first: int = 0) -> bytes | None:
        """`count` bytes of an object, from `first` on, or those that it has; b"" if it ends before. None: no object."""
        return await self._looks.read(key, count, first)

    async def delete(self, key: str) -> None:
        """Delete an object. One that is gone already is fine."""
        try:
            with call("delete"):
                await self._s3.delete_object(Bucket=self.bucket, Key=key)
        except UploadGone:
            return

    async def delete_many(self, keys: Sequence[str]) -> set[str]:
        """Delete objects, 1,000 a call where the server can; gives those that are gone. The rest is for a later try.

        Raises only if nothing could be deleted at all because the storage is away or refuses.
        """
        gone: set[str] = set()
        for at in range(0, len(keys), DELETE_BATCH):
            batch = keys[at : at + DELETE_BATCH]
            try:
                gone |= await self._delete_batch(batch)
            except (StorageRefused, StorageUnavailable) as exc:
                # Perhaps only this call is: not every server knows it, some want a checksum that we do not send, and
                # one key that cannot be deleted (rclone: somebody still writes it) fails a batch as a whole.
                _log.info("s3_batch_delete_failed", reason=exc.code)
                await self.check()
                gone |= await self._delete_singly(batch)
        return gone

    async def _delete_batch(self, keys: Sequence[str]) -> set[str]:
        with call("delete_many"):
            answer = await self._s3.delete_objects(
                Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        failed = {error.get("Key", "") for error in answer.get("Errors", ()) if error.get("Code") not in GONE}
        return set(keys) - failed

    async def _delete_singly(self, keys: Sequence[str]) -> set[str]:
        slots = asyncio.Semaphore(_DELETES_AT_ONCE)

        async def one(key: str) -> str:
            async with slots:
                await self.delete(key)
            return key

        results = await asyncio.gather(*(one(key) for key in keys), return_exceptions=True)
        gone = {result for result in results if isinstance(result, str)}
        failed = next((result for result in results if isinstance(result, BaseException)), None)
        if failed is not None and not gone:
            raise failed
        return gone

    async def presign_get(
        self, key: str, *, seconds: int, public: bool = False, answer_headers: Mapping[str, str] | None = None
    ) -> str:
        """A URL that anybody may GET for `seconds`; Range is not part of the signature.

        `public`: for users' own clients (only where `redirects`). `answer_headers`: `content-type` and
        `content-disposition` that S3 shall answer with.
        """
        client = self._public if public else self._s3
        if client is None:
            raise ValueError("this storage has no public endpoint")
        names = {"content-type": "ResponseContentType", "content-disposition": "ResponseContentDisposition"}
        extra = {names[name.lower()]: value for name, value in (answer_headers or {}).items()}
        return await client.generate_presigned_url(
            "get_object", Params={"Bucket": self.bucket, "Key": key, **extra}, ExpiresIn=seconds
        )

    async def presign_part(
        self, key: str, upload_id: str, number: int, *, size_bytes: int, seconds: int, crc32: int | None = None
    ) -> str:
        """A URL by which an agent may PUT this part, of exactly this size (and CRC32), for `seconds`."""
        where = {"Bucket": self.bucket, "Key": key, "UploadId": upload_id, "PartNumber": number}
        return await self._agents.generate_presigned_url(
            "upload_part", Params={**where, **_bound(size_bytes, crc32)}, ExpiresIn=seconds
        )

    async def presign_put(self, key: str, *, size_bytes: int, seconds: int, crc32: int | None = None) -> str:
        """A URL by which an agent may PUT a whole object, of exactly this size (and CRC32), if there is none yet.

        `If-None-Match: *` is part of the signature, so that a URL that is still good cannot replace what is stored.
        """
        where = {"Bucket": self.bucket, "Key": key}
        return await self._agents.generate_presigned_url(
            "put_object", Params={**where, **_bound(size_bytes, crc32), "IfNoneMatch": "*"}, ExpiresIn=seconds
        )

    async def list_objects(self, after: str = "") -> list[ListedObject]:
        """A page of objects, by key, beginning behind `after`; empty at the end."""
        with call("list_objects"):
            answer = await self._s3.list_objects_v2(Bucket=self.bucket, StartAfter=after, MaxKeys=self._page)
            _told(answer, "Name")
        return [ListedObject(each["Key"], each["LastModified"], each["Size"]) for each in answer.get("Contents", ())]

    async def keep_abort_rule(self, days: int) -> bool:
        """The bucket has a lifecycle rule of ours that aborts uploads after `days`, beside all others' rules.

        Whether it had to be written. StorageRefused where the server knows no lifecycles, or this key may not set one.
        """
        current = await self._lifecycle()
        rules = with_abort_rule(current["Rules"], days)
        if rules is None:
            return False
        kept: Any = {name: current[name] for name in ("TransitionDefaultMinimumObjectSize",) if name in current}
        written: Any = {"Rules": rules}
        with call("put_lifecycle"):
            await self._s3.put_bucket_lifecycle_configuration(
                Bucket=self.bucket, LifecycleConfiguration=written, **kept
            )
        return True

    async def _lifecycle(self) -> Mapping[str, Any]:
        """As it is. What might be anything else than a lifecycle is refused, since ours is written over it."""
        try:
            with call("get_lifecycle"):
                answer: Mapping[str, Any] = await self._s3.get_bucket_lifecycle_configuration(Bucket=self.bucket)
        except UploadGone as exc:
            if exc.details.get("cause") == "NoSuchLifecycleConfiguration":
                return {"Rules": []}
            raise StorageRefused(exc.details.get("cause", "")) from exc
        if "Rules" not in answer:  # rclone lists the bucket instead
            raise StorageRefused("no lifecycle")
        return answer


@asynccontextmanager
async def open_storage(
    endpoint: Endpoint, *, read_timeout: float = 60.0, page: int = LARGEST_PAGE
) -> AsyncIterator[Storage]:
    """A client of one bucket, which lists `page` things a call. Connects at its first call."""
    session = aioboto3.Session(
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        region_name=endpoint.region,
    )
    config = AioConfig(
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"},
        connect_timeout=5,
        read_timeout=read_timeout,
        max_pool_connections=_CONNECTIONS,
        # One more try; what is away for longer is carried on by a sweep.
        retries={"total_max_attempts": 2, "mode": "standard"},
    )
    async with AsyncExitStack() as stack:
        open_client = partial(_client, stack, session, config)
        client = await open_client(endpoint.url)
        client.meta.events.register("before-call.s3.PutBucketLifecycleConfiguration", _with_md5)
        others = [await open_client(url) if url else None for url in (endpoint.public_url, endpoint.agent_url)]
        http = await stack.enter_async_context(
            open_session(endpoint.url, connections=_LOOKS_AT_ONCE, read_seconds=read_timeout)
        )
        signer = Signer(endpoint.url, endpoint.region, endpoint.access_key, endpoint.secret_key)
        looks = Looks(http, signer, endpoint.bucket)
        yield Storage(client, looks, endpoint.bucket, public=others[0], agents=others[1], page=page)


async def _client(stack: AsyncExitStack, session: aioboto3.Session, config: AioConfig, url: str) -> S3Client:
    # Where there is no TLS, the world's certificates are not read: 20 ms of the start.
    verify = None if url.startswith("https:") else False
    return await stack.enter_async_context(session.client("s3", endpoint_url=url, config=config, verify=verify))


def _with_md5(params: dict[str, Any], **_kwargs: object) -> None:
    """RadosGW wants it of a lifecycle, and knows no newer checksum."""
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()


def _told(answer: Mapping[str, Any], name: str) -> str:
    """What every true answer has. One of status 200 without it is none: something between answered."""
    value = answer.get(name)
    if not value:
        raise StorageUnavailable(f"no {name}")
    return str(value)


def _bound(size_bytes: int, crc32: int | None) -> dict[str, Any]:
    """What a presigned write must be: nothing else fits its signature."""
    checksum = {} if crc32 is None else {"ChecksumCRC32": crc32_header(crc32)}
    return {"ContentLength": size_bytes, **checksum}


def _bare(etag: str) -> str:
    return etag.strip('"')
