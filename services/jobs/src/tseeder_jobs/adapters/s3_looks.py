"""Looking at objects: HEAD, and GET of a few bytes. jobs does it for every file that it completes.

Each is a request of its own (docs/decisions/0025): by aioboto3's client 1,000 small files cost jobs 4 s of CPU here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp
from yarl import URL

from tseeder_jobs.adapters.s3_calls import RefusalError, call
from tseeder_jobs.domain.storage import StorageUnavailable, UploadGone
from tseeder_kit.loops import pauses
from tseeder_s3 import Signer, error_code, host_of, proxy_for

TRIES: Final = 2
"""What is away for longer is carried on by a sweep."""
NOTHING_THERE: Final = 416
_PASSING: Final = frozenset({429, 500, 502, 503, 504})


class Looks:
    """Of one bucket. Errors are those of `s3_calls`."""

    def __init__(self, http: aiohttp.ClientSession, signer: Signer, bucket: str) -> None:
        self._http = http
        self._signer = signer
        self._bucket = bucket

    async def head(self, key: str) -> Mapping[str, str] | None:
        """The headers of an object, their names in any case; None if there is none."""
        try:
            with call("head"):
                return (await self._asked("HEAD", key))[0]
        except UploadGone:
            return None

    async def read(self, key: str, count: int, first: int) -> bytes | None:
        """`count` bytes of an object, from `first` on, or what it has there; None if that is nothing."""
        try:
            with call("read"):
                asked = f"bytes={first}-{first + count - 1}"
                try:
                    headers, found = await self._asked("GET", key, {"Range": asked}, most=count)
                except RefusalError as exc:
                    if exc.status == NOTHING_THERE:
                        return None
                    raise
                if first and not headers.get("Content-Range", "").startswith(f"bytes {first}-"):
                    raise StorageUnavailable("other bytes than were asked for")
                return found or None
        except UploadGone:
            return None

    async def _asked(
        self, method: str, key: str, headers: Mapping[str, str] | None = None, *, most: int = 0
    ) -> tuple[Mapping[str, str], bytes]:
        """An answer's headers, and up to `most` of its bytes: a server may give more than it was asked for."""
        next_pause = pauses()
        for _ in range(TRIES - 1):
            try:
                return await self._ask(method, key, headers or {}, most)
            except RefusalError as exc:
                if exc.status not in _PASSING:
                    raise
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass  # it may pass: the last try tells
            await asyncio.sleep(next_pause())
        return await self._ask(method, key, headers or {}, most)

    async def _ask(
        self, method: str, key: str, headers: Mapping[str, str], most: int
    ) -> tuple[Mapping[str, str], bytes]:
        url, signed = self._signer.signed(method, self._bucket, key, headers=headers)
        where = URL(url, encoded=True)
        async with self._http.request(
            method,
            where,
            headers={**signed, "Host": host_of(url), "Accept-Encoding": "identity"},
            proxy=proxy_for(where.scheme, where.host or ""),
            skip_auto_headers=["Accept", "User-Agent"],
            allow_redirects=False,
        ) as answer:
            if answer.status >= 300:
                raise RefusalError(answer.status, await error_code(answer))
            found = b""
            while len(found) < most and (more := await answer.content.read(most - len(found))):
                found += more
            return answer.headers, found
