"""A server's side of the wire, as far as a unit test needs it: jobs, files, and answers in a given order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import httpx

from tseeder_cli.client import Client
from tseeder_cli.wire import File, Job

URL = "http://tseeder.test"
Answer = httpx.Response | Exception
JOB_ID = "0193a1b2-c3d4-7000-8000-000000000001"


def job(**changes: Any) -> Job:
    """A job as the gateway sends it."""
    made: dict[str, Any] = {
        "job_id": JOB_ID,
        "name": "film",
        "state": "downloading",
        "run": 1,
        "version": 3,
        "metadata_known": True,
        "private": False,
        "total_bytes": 100,
        "wanted_bytes": 100,
        "stored_bytes": 0,
        "file_count": 1,
        "wanted_files": 1,
        "stored_files": 0,
        "priority": "normal",
        "primary_file_id": None,
        "reason": None,
        "created_at": "2026-11-20T10:00:00Z",
        "updated_at": "2026-11-20T10:00:00Z",
        "finished_at": None,
        "expires_at": None,
    }
    return {**made, **changes}  # type: ignore[typeddict-item]


def file(**changes: Any) -> File:
    """A file as the gateway sends it."""
    made: dict[str, Any] = {
        "file_id": "0193a1b2-c3d4-7000-8000-0000000000f0",
        "job_id": JOB_ID,
        "file_index": 0,
        "path": ["film.mkv"],
        "size_bytes": 0,
        "selected": True,
        "state": "stored",
        "media_type": "video/x-matroska",
        "crc32": None,
        "stored_at": "2026-11-20T10:00:00Z",
        "expires_at": None,
        "primary": False,
    }
    return {**made, **changes}  # type: ignore[typeddict-item]


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    """A problem+json answer; a 503 may be asked again at once."""
    body = {"type": "about:blank", "title": code, "status": status, "detail": f"It is {code}.", "code": code}
    fields = {"content-type": "application/problem+json", "retry-after": "0", **headers}
    return httpx.Response(status, content=json.dumps(body), headers=fields)


class Script:
    """Gives `answers` one after another, and keeps the requests that it has seen."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(answer: Callable[[httpx.Request], httpx.Response], *, tries: int = 3) -> Client:
    """A client whose server is `answer`."""
    return Client(URL, "key", transport=httpx.MockTransport(answer), tries=tries)


class Stream(httpx.AsyncByteStream):
    """A body that comes in `parts`, and then ends or breaks."""

    def __init__(self, parts: Iterable[bytes], *, breaks: bool = False) -> None:
        self._parts = parts
        self._breaks = breaks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part
        if self._breaks:
            raise httpx.ReadError("connection reset")


def event(kind: str, data: object, number: int = 0) -> bytes:
    """One server-sent event."""
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def stream_of(*events: bytes, breaks: bool = False) -> httpx.Response:
    """An answer of server-sent events."""
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Stream(events, breaks=breaks))
