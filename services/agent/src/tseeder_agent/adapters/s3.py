"""Putting parts and small files into object storage, signed with SigV4, or by URLs that jobs presigned.

Every error is an AppError: UploadGone, StorageRefused or StorageUnavailable. Nothing is retried here: a write that
failed gives its slot back, and whoever asked for it asks again later.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Literal

import aioboto3
import aiohttp
import botocore.auth
from aiobotocore.config import AioConfig
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from yarl import URL

from tseeder_agent.domain.storage import PartBytes, StorageRefused, StorageUnavailable, UploadGone, WriteTarget
from tseeder_kit.errors import AppError
from tseeder_kit.telemetry import bounded, counter, histogram

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

CHUNK: Final = 256 * 1024
CRC32_HEADER: Final = "x-amz-checksum-crc32"
_SIGNER: Final = "tseeder-s3v4"
_AWAY: Final = frozenset(
    {"BadDigest", "SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "OperationAborted"}
)
_GONE: Final = frozenset({"NoSuchUpload", "NoSuchKey"})

_seconds = histogram("agent_s3_seconds", "Writes to object storage by kind and outcome", ("call", "outcome"))
_sent = counter("agent_s3_bytes", "Bytes that object storage took from this agent")
_errors = counter(
    "agent_s3_errors",
    "Writes that object storage refused, by its own code; `no_answer`: it gave none, `other`: a rare code",
    ("call", "code"),
)
_REFUSED: Final = frozenset({"AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "NoSuchBucket"})
_COUNTED: Final = (
    _AWAY | _GONE | _REFUSED | {"ChecksumDiffers", "EntityTooLarge", "RequestTimeTooSkewed", "SignatureDoesNotMatch"}
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the storage is and as whom. `sign_payload`: "auto" signs the bytes over plain http, not over TLS."""

    url: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    sign_payload: Literal["auto", "always", "never"] = "auto"

    @property
    def signs_payload(self) -> bool:
        if self.sign_payload == "auto":
            return not self.url.startswith("https:")
        return self.sign_payload == "always"


class PartStore:
    """Made by `open_part_store`. At most `slots` writes are under way at once; the others wait."""

    def __init__(
        self, client: S3Client | None, http: aiohttp.ClientSession, *, signs_payload: bool, slots: int, timeout: float
    ) -> None:
        self._s3 = client
        self._http = http
        self._slots = asyncio.Semaphore(slots)
        self._timeout = timeout
        self.wants_sha256: Final = signs_payload

    async def put(self, target: WriteTarget, body: PartBytes) -> str:
        """Write, and give the ETag without its quotes. UploadGone, StorageRefused or StorageUnavailable."""
        call = "put_presigned" if target.presigned_url else "upload_part" if target.upload_id else "put_object"
        async with self._slots:
            with _call(call):
                async with asyncio.timeout(self._timeout):
                    etag = await self._put(target, _Body(body))
        _sent.inc(len(body.data))
        return etag.strip('"')

    async def _put(self, target: WriteTarget, body: _Body) -> str:
        if target.presigned_url:
            return await self._put_presigned(target.presigned_url, body)
        if self._s3 is None:
            raise StorageRefused("neither a key nor a presigned URL")
        stream: Any = body
        where: Any = {"Bucket": target.bucket, "Key": target.key, "Body": stream}
        if target.with_crc32:
            where["ChecksumCRC32"] = body.crc32
        if target.upload_id:
            answer: Mapping[str, Any] = await self._s3.upload_part(
                UploadId=target.upload_id, PartNumber=target.number, **where
            )
        else:
            answer = await self._s3.put_object(**where)
        _compare(answer.get("ChecksumCRC32"), body)
        return _etag(answer.get("ETag"))

    async def _put_presigned(self, url: str, body: _Body) -> str:
        headers = {"Content-Length": str(body.size)}
        signed = URL(url, encoded=True).query.get("X-Amz-SignedHeaders", "").split(";")
        if "if-none-match" in signed:
            headers["If-None-Match"] = "*"
        if CRC32_HEADER in signed:
            headers[CRC32_HEADER] = body.crc32
        async with self._http.put(
            URL(url, encoded=True),
            data=body,
            headers=headers,
            skip_auto_headers=["Content-Type"],
            allow_redirects=False,
        ) as answer:
            if answer.status < 300:
                _compare(answer.headers.get(CRC32_HEADER), body)
                return _etag(answer.headers.get("ETag"))
            text = (await answer.content.read(4096)).decode("utf-8", "replace")
        code = text.partition("<Code>")[2].partition("</Code>")[0]
        if answer.status == 412 and "If-None-Match" in headers:
            # An earlier try, whose answer was lost, wrote it: nobody else has this key. jobs looks at it anyway.
            return await asyncio.to_thread(body.md5_hex)
        if answer.status == 403:  # expired, or clocks differ: a fresh URL mends it
            raise StorageUnavailable(code or "presigned URL refused")
        raise _translated(code, answer.status)


def _compare(told: str | None, body: _Body) -> None:
    """Where the server tells the CRC32 of what it took, it must be that of what was sent: else it goes up again."""
    if told is not None and told != body.crc32:
        raise StorageUnavailable("ChecksumDiffers")


def _etag(found: str | None) -> str:
    """A success without an ETag is none: something between answered, or the body is an error's."""
    if not found:
        raise StorageUnavailable("no ETag")
    return found


@asynccontextmanager
async def open_part_store(
    endpoint: Endpoint | None, *, slots: int = 8, timeout: float = 60.0
) -> AsyncIterator[PartStore]:
    """A client that connects at its first write. `timeout` is for one write, in seconds.

    Without an endpoint it has no key, and can write only where a URL was presigned.
    """
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(_client(endpoint, slots, timeout)) if endpoint else None
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_connect=5)))
        signs = endpoint is not None and endpoint.signs_payload
        yield PartStore(client, http, signs_payload=signs, slots=slots, timeout=timeout)


@asynccontextmanager
async def _client(endpoint: Endpoint, slots: int, timeout: float) -> AsyncIterator[S3Client]:
    botocore.auth.AUTH_TYPE_MAPS.setdefault(_SIGNER, _ReadyHashSigner)
    session = aioboto3.Session(
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        region_name=endpoint.region,
    )
    config = AioConfig(
        signature_version="s3v4",
        request_checksum_calculation="when_required",  # the default trailer breaks some servers, and costs CPU
        response_checksum_validation="when_required",
        s3={"addressing_style": "path", "payload_signing_enabled": endpoint.signs_payload},
        connect_timeout=5,
        read_timeout=timeout,
        max_pool_connections=slots,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    # Where there is no TLS, the world's certificates are not read: 20 ms of the start.
    verify = None if endpoint.url.startswith("https:") else False
    async with session.client("s3", endpoint_url=endpoint.url, config=config, verify=verify) as client:
        client.meta.events.register_first("choose-signer.s3", _choose_signer)
        yield client


class _Body(Payload):
    """Bytes that botocore signs and aiohttp sends without copying them, or hashing them on the event loop."""

    _value: bytes | memoryview

    def __init__(self, body: PartBytes) -> None:
        super().__init__(body.data)
        self._size = len(body.data)
        self._at = 0
        self.sha256_hex = body.sha256.hex()
        self.crc32 = base64.b64encode(body.crc32.to_bytes(4)).decode()

    def md5_hex(self) -> str:
        """What S3 gives as the ETag of an object that was put whole."""
        return hashlib.md5(self._value, usedforsecurity=False).hexdigest()

    # botocore asks a body for these

    def read(self, size: int = -1) -> bytes:
        end = len(self._value) if size < 0 else self._at + size
        data = bytes(self._value[self._at : end])
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._value)}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    # aiohttp asks a payload for these

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        view = memoryview(self._value)[:content_length]
        for at in range(0, len(view), CHUNK):
            await writer.write(view[at : at + CHUNK])


class _ReadyHashSigner(botocore.auth.S3SigV4Auth):
    """SigV4 with the SHA-256 that the reading thread made, so that the event loop does not hash 8 MiB at a time."""

    def payload(self, request: AWSRequest) -> str:
        ready: str = getattr(request.body, "sha256_hex", "")
        return ready or str(super().payload(request))


def _choose_signer(**_kwargs: object) -> str:
    return _SIGNER


@contextmanager
def _call(name: str) -> Iterator[None]:
    """Counts and times one write, and turns what it raises into the errors of domain.storage."""
    started = perf_counter()
    outcome = "cancelled"
    try:
        yield
        outcome = "ok"
    except AppError as exc:
        outcome = exc.code
        _errors.labels(name, bounded(exc.details.get("cause", ""), _COUNTED)).inc()
        raise
    except ClientError as exc:
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = exc.response.get("Error", {}).get("Code", "")
        known = _translated(code, status)
        _errors.labels(name, bounded(code, _COUNTED)).inc()
        outcome = known.code
        raise known from exc
    except NoCredentialsError as exc:
        outcome = "storage_refused"
        raise StorageRefused("no credentials") from exc
    except (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError) as exc:
        outcome = "storage_unavailable"
        _errors.labels(name, "no_answer").inc()
        raise StorageUnavailable(type(exc).__name__) from exc
    finally:
        _seconds.labels(name, outcome).observe(perf_counter() - started)


def _translated(code: str, status: int) -> UploadGone | StorageRefused | StorageUnavailable:
    if code == "NoSuchBucket":  # a mistake of settings: nothing may be concluded about uploads
        return StorageRefused(code)
    if code in _AWAY or status >= 500 or status == 429:
        return StorageUnavailable(code or str(status))
    if code in _GONE:  # and no other 404: a path that something between does not know says nothing of uploads
        return UploadGone(code)
    return StorageRefused(code or str(status))
