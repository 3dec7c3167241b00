"""Small JSON documents of servers that are not ours: bounded in size and time, and no redirect is followed."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx

MAX_BYTES: Final = 512 * 1024


class AwayError(Exception):
    """The server cannot be reached, is slow, fails, or does not answer what was asked; the text says which, no more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON object that was answered; its status is below 500."""

    status: int
    body: Mapping[str, Any]


class BoundedHttp:
    """Sends one request each. Every method raises AwayError."""

    def __init__(self, client: httpx.AsyncClient, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    async def get(self, url: str, *, bearer: str = "") -> Answer:
        """GET."""
        return await self._send("GET", url, headers={"Authorization": f"Bearer {bearer}"} if bearer else {})

    async def post(self, url: str, form: Mapping[str, str], *, basic: tuple[str, str] | None = None) -> Answer:
        """POST of a form; `basic` are a name and a password."""
        return await self._send("POST", url, data=dict(form), auth=basic)

    async def _send(self, method: str, url: str, **rest: Any) -> Answer:
        try:
            async with asyncio.timeout(self._seconds), self._client.stream(method, url, **rest) as answer:
                body = await _bounded(answer)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as exc:
            raise AwayError(type(exc).__name__) from exc
        if answer.is_redirect or answer.is_server_error:
            raise AwayError(f"status {answer.status_code}")
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            raise AwayError(f"status {answer.status_code}, and no JSON") from None
        if not isinstance(said, dict):
            raise AwayError(f"status {answer.status_code}, and no JSON object")
        return Answer(answer.status_code, said)


@asynccontextmanager
async def open_http(seconds: float) -> AsyncIterator[BoundedHttp]:
    """A client for as long as it is inside; proxies and credentials of the environment are not asked."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "tseeder"}
    async with httpx.AsyncClient(timeout=seconds, follow_redirects=False, trust_env=False, headers=headers) as client:
        yield BoundedHttp(client, seconds)


async def _bounded(answer: httpx.Response) -> bytes:
    """The body as it was sent: what is packed in spite of our header is not unpacked, so it cannot grow."""
    found = bytearray()
    async for chunk in answer.aiter_raw():
        found += chunk
        if len(found) > MAX_BYTES:
            raise AwayError("the answer is too large")
    return bytes(found)
