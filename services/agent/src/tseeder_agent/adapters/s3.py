"""Putting parts and small files into object storage, signed with SigV4, or by URLs that jobs presigned.

Every error is an AppError: UploadGone, StorageRefused or StorageUnavailable. Nothing is retried here (but by aiohttp,
once, what broke off on a connection that it had kept): a write that failed gives its slot back, and whoever asked for
it asks again later.

It is two requests of S3's, sent by aiohttp and signed by botocore; why not by its whole client: docs/decisions/0025.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, Literal

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload
from yarl import URL

from tseeder_agent.domain.storage import PartBytes, StorageRefused, StorageUnavailable, UploadGone, WriteTarget
from tseeder_kit.errors import AppError
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import bounded, counter, histogram
from tseeder_s3 import Signer, error_code, host_of, open_session, proxy_for

CHUNK: Final = 256 * 1024
CRC32_HEADER: Final = "x-amz-checksum-crc32"
UNASKED: Final = 64 * 1024
"""Larger bodies go once the server wants them: one that refuses tells why, instead of breaking off."""
_AWAY: Final = frozenset(
    {
        "BadDigest",
        "SlowDown",
        "RequestTimeout",
        "InternalError",
        "ServiceUnavailable",
        "OperationAborted",
        "ConditionalRequestConflict",
    }
)
_GONE: Final = frozenset({"NoSuchUpload", "NoSuchKey"})

_log = get_logger(__name__)
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

    def __init__(self, endpoint: Endpoint | None, http: aiohttp.ClientSession, *, slots: int, timeout: float) -> None:
        self._signer = _signer(endpoint) if endpoint else None
        self._http = http
        self._slots = asyncio.Semaphore(slots)
        self._timeout = timeout
        self._continues: bool | None = None  # whether the server answers `Expect`, as far as it was seen
        self.wants_sha256: Final = endpoint is not None and endpoint.signs_payload

    async def put(self, target: WriteTarget, body: PartBytes) -> str:
        """Write, and give the ETag without its quotes. UploadGone, StorageRefused or StorageUnavailable."""
        call = "put_presigned" if target.presigned_url else "upload_part" if target.upload_id else "put_object"
        async with self._slots:
            with _call(call):
                etag = await self._put_in_time(target, _Body(body))
        _sent.inc(len(body.data))
        return etag.strip('"')

    async def _put_in_time(self, target: WriteTarget, body: _Body) -> str:
        """The time is for what gets nowhere: a slow line that many writes share may take longer for each of them."""
        async with asyncio.timeout(self._timeout) as limit:
            with body.telling(limit, self._timeout):
                try:
                    return await self._put(target, body)
                finally:
                    self._learn(limit, body)

    def _learn(self, limit: asyncio.Timeout, body: _Body) -> None:
        """From a server that neither says that it wants a body nor refuses it: it knows no `Expect`."""
        if not body.asks:
            return
        if body.began:
            self._continues = True
        elif limit.expired() and self._continues is None:
            self._continues = False
            _log.warning("s3_ignores_expect")

    async def _put(self, target: WriteTarget, body: _Body) -> str:
        if not (target.presigned_url or (target.bucket and target.key)):
            raise StorageRefused("no bucket, or no key")
        if target.presigned_url:
            return await self._put_presigned(target.presigned_url, body)
        if self._signer is None:
            raise StorageRefused("neither a key nor a presigned URL")
        url, headers = self._signer.signed(
            "PUT",
            target.bucket,
            target.key,
            query=_query(target),
            headers={CRC32_HEADER: body.crc32} if target.with_crc32 else {},
            sha256=body.sha256_hex if self.wants_sha256 else None,
        )
        if body.length > UNASKED and self._continues is not False:
            headers["Expect"] = "100-continue"
            body.asks = True
        try:
            return await self._send(url, headers, body)
        except _RefusedError as exc:
            raise _translated(exc.code, exc.status) from exc

    async def _put_presigned(self, url: str, body: _Body) -> str:
        headers = {}
        signed = URL(url, encoded=True).query.get("X-Amz-SignedHeaders", "").split(";")
        if "if-none-match" in signed:
            headers["If-None-Match"] = "*"
        if CRC32_HEADER in signed:
            headers[CRC32_HEADER] = body.crc32
        try:
            return await self._send(url, headers, body)
        except _RefusedError as exc:
            if exc.status == 412 and "If-None-Match" in headers:
                # An earlier try, whose answer was lost, wrote it: nobody else has this key. jobs looks at it anyway.
                return await asyncio.to_thread(body.md5_hex)
            if exc.status == 403:  # expired, or clocks differ: a fresh URL mends it
                raise StorageUnavailable(exc.code or "presigned URL refused") from exc
            raise _translated(exc.code, exc.status) from exc

    async def _send(self, url: str, headers: Mapping[str, str], body: _Body) -> str:
        """PUT it; the ETag, or a _RefusedError."""
        where = URL(url, encoded=True)
        async with self._http.put(
            where,
            data=body,
            headers={**headers, "Host": host_of(url), "Content-Length": str(body.length)},
            proxy=proxy_for(url),
            skip_auto_headers=["Content-Type", "Accept", "Accept-Encoding"],
            allow_redirects=False,
        ) as answer:
            if answer.status < 300:
                _compare(answer.headers.get(CRC32_HEADER), body)
                return _etag(answer.headers.get("ETag"))
            raise _RefusedError(answer.status, await error_code(answer))


class _RefusedError(Exception):
    """An answer that is no success, with the server's own code, or ""."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code


def _query(target: WriteTarget) -> dict[str, str]:
    return {"partNumber": str(target.number), "uploadId": target.upload_id} if target.upload_id else {}


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
    """A client that connects at its first write. `timeout`: seconds that a write may go without progress.

    Without an endpoint it has no key, and can write only where a URL was presigned.
    """
    async with open_session(endpoint.url if endpoint else None, connections=slots) as http:
        yield PartStore(endpoint, http, slots=slots, timeout=timeout)


def _signer(endpoint: Endpoint) -> Signer:
    return Signer(endpoint.url, endpoint.region, endpoint.access_key, endpoint.secret_key)


def _nothing() -> None:
    """Nobody waits for progress."""


class _Body(Payload):
    """Bytes that aiohttp sends without copying them."""

    _value: bytes | memoryview

    def __init__(self, body: PartBytes) -> None:
        super().__init__(body.data)
        self._size = self.length = len(body.data)
        self.asks = self.began = False
        self._progress: Callable[[], None] = _nothing
        self.sha256_hex = body.sha256.hex()
        self.crc32 = base64.b64encode(body.crc32.to_bytes(4)).decode()

    @contextmanager
    def telling(self, limit: asyncio.Timeout, seconds: float) -> Iterator[None]:
        """While inside, each piece that the connection takes puts `limit` off, to `seconds` from then.

        Or up to a sixteenth later: a timer for each piece was a tenth of what the event loop did.
        """
        now = asyncio.get_running_loop().time
        told = now()

        def progress() -> None:
            nonlocal told
            if now() - told >= seconds / 16 and not limit.expired():
                told = now()
                limit.reschedule(told + seconds * 17 / 16)

        self._progress = progress
        try:
            yield
        finally:
            self._progress = _nothing

    def md5_hex(self) -> str:
        """What S3 gives as the ETag of an object that was put whole."""
        return hashlib.md5(self._value, usedforsecurity=False).hexdigest()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self.began = True
        view = memoryview(self._value)[:content_length]
        for at in range(0, len(view), CHUNK):
            await writer.write(view[at : at + CHUNK])
            self._progress()


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
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
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
