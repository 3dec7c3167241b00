"""Small JSON documents of servers that are not ours: bounded in size and time, and no redirect is followed."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

MAX_BYTES: Final = 512 * 1024
_REDIRECTS: Final = range(300, 400)
_FAILURES: Final = 500


class AwayError(Exception):
    """The server cannot be reached, is slow, fails, or does not answer what was asked; the text says which, no more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON object that was answered; its status is below 500."""

    status: int
    body: Mapping[str, Any]


class BoundedHttp:
    """Sends one request each. Every method raises AwayError."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, url: str, *, bearer: str = "") -> Answer:
        """GET."""
        return await self._send("GET", url, f"Bearer {bearer}" if bearer else "")

    async def post(self, url: str, form: Mapping[str, str], *, basic: tuple[str, str] | None = None) -> Answer:
        """POST of a form; `basic` are a name and a password."""
        packed = base64.b64encode(":".join(basic).encode()).decode() if basic else ""
        return await self._send("POST", url, f"Basic {packed}" if packed else "", data=dict(form))

    async def _send(self, method: str, url: str, authorization: str, **rest: Any) -> Answer:
        headers = {"Authorization": authorization} if authorization else {}
        try:
            async with self._session.request(method, url, headers=headers, allow_redirects=False, **rest) as answer:
                status, body = answer.status, await _bounded(answer)
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
            raise AwayError(type(exc).__name__) from exc
        if status in _REDIRECTS or status >= _FAILURES:
            raise AwayError(f"status {status}")
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            raise AwayError(f"status {status}, and no JSON") from None
        if not isinstance(said, dict):
            raise AwayError(f"status {status}, and no JSON object")
        return Answer(status, said)


@asynccontextmanager
async def open_http(seconds: float) -> AsyncIterator[BoundedHttp]:
    """A client for as long as it is inside; each of its requests may take so many seconds in all. It keeps no cookies,
    and asks the environment for no proxy and no credential."""
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=seconds),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "tseeder"},
        auto_decompress=False,  # what is packed in spite of our header stays so, and cannot grow
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    ) as session:
        yield BoundedHttp(session)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    found = bytearray()
    async for chunk in answer.content.iter_any():
        found += chunk
        if len(found) > MAX_BYTES:
            raise AwayError("the answer is too large")
    return bytes(found)
