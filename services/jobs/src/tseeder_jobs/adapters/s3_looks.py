"""Looking at objects: HEAD, and GET of a few bytes. jobs does it for every file that it completes.

Each is a request of its own (docs/decisions/0025): by aioboto3's client 1,000 small files took 4 s of jobs' CPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import aiohttp
from yarl import URL

from tseeder_jobs.adapters.s3_calls import RefusalError, call
from tseeder_jobs.domain.storage import StorageUnavailable
from tseeder_kit.loops import pauses
from tseeder_s3 import Signer, error_code, host_of, proxy_for

TRIES: Final = 2
"""What is away for longer is carried on by a sweep."""
_MISSING: Final = "NoSuchKey"
_PASSING_CODES: Final = frozenset({"RequestTimeout", "SlowDown"})
_PASSING: Final = frozenset({429, 500, 502, 503, 504})


class Looks:
    """Of one bucket. Errors are those of `s3_calls`."""

    def __init__(self, http: aiohttp.ClientSession, signer: Signer, bucket: str) -> None:
        self._http = http
        self._signer = signer
        self._bucket = bucket

    async def check(self) -> None:
        """Raises if the bucket cannot be looked at now."""
        with call("head_bucket"):
            await self._asked("HEAD", "")

    async def head(self, key: str) -> Mapping[str, str] | None:
        """The headers of an object, their names in any case; None if there is none."""
        with call("head"):
            try:
                return (await self._asked("HEAD", key))[0]
            except RefusalError as exc:
                if exc.status != HTTPStatus.NOT_FOUND:
                    raise
        # A HEAD cannot say what is not there: the object, the bucket, or the server behind what answered.
        if await self.read(key, 1) is None:
            return None
        raise StorageUnavailable("404 to a HEAD, and a GET finds it")

    async def read(self, key: str, count: int, first: int = 0) -> bytes | None:
        """`count` bytes of an object, from `first` on, or those that it has; b"" if it ends before. None: no object."""
        with call("read"):
            asked = f"bytes={first}-{first + count - 1}"
            try:
                headers, found = await self._asked("GET", key, {"Range": asked}, most=count)
            except RefusalError as exc:
                if exc.code == _MISSING:
                    return None
                if exc.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    return b""
                raise
            if first and not headers.get("Content-Range", "").startswith(f"bytes {first}-"):
                raise StorageUnavailable("other bytes than were asked for")
            if "ETag" not in headers:
                raise StorageUnavailable("no ETag")
            return found

    async def _asked(
        self, method: str, key: str, headers: Mapping[str, str] | None = None, *, most: int = 0
    ) -> tuple[Mapping[str, str], bytes]:
        """An answer's headers, and up to `most` of its bytes: a server may give more than it was asked for."""
        next_pause = pauses()
        for _ in range(TRIES - 1):
            try:
                return await self._ask(method, key, headers or {}, most)
            except RefusalError as exc:
                if exc.status not in _PASSING and exc.code not in _PASSING_CODES:
                    raise
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass  # it may pass: the last try tells
            await asyncio.sleep(next_pause())
        return await self._ask(method, key, headers or {}, most)

    async def _ask(
        self, method: str, key: str, headers: Mapping[str, str], most: int
    ) -> tuple[Mapping[str, str], bytes]:
        if self._http.closed:  # the service is ending; what is still under way is tried again by the next one
            raise StorageUnavailable("closed")
        url, signed = self._signer.signed(method, self._bucket, key, headers=headers)
        async with self._http.request(
            method,
            URL(url, encoded=True),
            headers={**signed, "Host": host_of(url), "Accept-Encoding": "identity"},
            proxy=proxy_for(url),
            allow_redirects=False,
        ) as answer:
            if answer.status >= 300:
                raise RefusalError(answer.status, await error_code(answer))
            found = b""
            while len(found) < most and (more := await answer.content.read(most - len(found))):
                found += more
            return answer.headers, found
