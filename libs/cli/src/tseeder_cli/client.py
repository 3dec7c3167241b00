"""tseeder's REST API, one method an endpoint. The only module that speaks HTTP."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import Cookie
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote
from uuid import uuid4

import httpx
from httpx_sse import EventSource, SSEError

from tseeder_cli.account_calls import AccountCalls
from tseeder_cli.errors import ApiError, CliError, ExitCode
from tseeder_cli.loopback import is_loopback
from tseeder_cli.wire import (
    Agent,
    AuditEntry,
    CachedTorrent,
    Cleanup,
    DeadLetter,
    Diagnosis,
    File,
    Job,
    Link,
    NewLink,
    Page,
    Replay,
    Storage,
    Usage,
    User,
    WholeDeadLetter,
)

TRIES = 5
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 5.0
LONGEST_RETRY_AFTER_SECONDS = 30.0
EVENTS_SILENCE_SECONDS = 45.0  # the gateway pings every 15 s
LONGEST_PAGE = 200

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_AGAIN = frozenset({429, 503})  # the server has done nothing, and says so


@dataclass(frozen=True)
class Source:
    """What to fetch: exactly one of them."""

    magnet: str = ""
    info_hash: str = ""
    torrent: bytes = b""


@dataclass(frozen=True)
class Event:
    """One event of a job's stream. `data` is the decoded JSON; `id` is the job's version, "" where there is none."""

    kind: str
    data: dict[str, Any]
    id: str = ""


@dataclass(frozen=True)
class FileSearch:
    """Which files: `text` is part of their path, `types` as in FILE_TYPES (none: all), sizes are bytes."""

    text: str = ""
    types: tuple[str, ...] = ()
    min_bytes: int | None = None
    max_bytes: int | None = None

    def params(self) -> dict[str, Any]:
        """As a query says it."""
        given = {"text": self.text or None, "min_bytes": self.min_bytes, "max_bytes": self.max_bytes}
        return {"type": list(self.types), **{name: value for name, value in given.items() if value is not None}}


@dataclass(frozen=True, repr=False)
class HeldSession:
    """A session's secrets, and of which server."""

    url: str
    cookies: tuple[Cookie, ...]
    csrf_token: str


ANY_FILE = FileSearch()


class Client(AccountCalls):
    """A connection to one tseeder; use it as an async context manager.

    Every method raises ApiError for an answer that is not 2xx and CliError(code "unreachable") if none comes. What may
    be asked twice (GET, a question by POST, a POST with an idempotency key) is retried while the server is away or says
    429 or 503.
    """

    def __init__(
        self, url: str, api_key: str = "", *, transport: httpx.AsyncBaseTransport | None = None, tries: int = TRIES
    ) -> None:
        self.url = url.rstrip("/")
        self._tries = tries
        self._csrf = ""
        headers = {"User-Agent": f"tseeder-cli/{version('tseeder-cli')}"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self._http = httpx.AsyncClient(
            base_url=self.url,
            headers=headers,
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=not is_loopback(self.url),  # a proxy of the environment cannot reach this machine's loopback
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    def held(self) -> HeldSession:
        """The session that was started, for another client to go on with."""
        return HeldSession(self.url, tuple(self._http.cookies.jar), self._csrf)

    def go_on_with(self, session: HeldSession) -> None:
        """Later calls of this client belong to it."""
        for cookie in session.cookies:  # with their domains: a renewed one takes their place
            self._http.cookies.jar.set_cookie(cookie)
        self._csrf = session.csrf_token

    # jobs

    async def submit(
        self,
        source: Source,
        *,
        name: str = "",
        selection: Sequence[int] | None = None,
        priority: str = "",
        key: str = "",
    ) -> tuple[Job, bool]:
        """Submit a job; `selection` None is every file. Returns the job, and whether `key` had made it already."""
        body = _submission(source, name, selection, priority)
        response = await self._send("POST", "/v1/jobs", key=key or str(uuid4()), **body)
        replayed = response.headers.get("Idempotent-Replayed", "") == "true"
        return cast(Job, _decoded(response)), replayed

    async def job(self, job_id: str) -> Job:
        return cast(Job, await self._json("GET", f"/v1/jobs/{job_id}"))

    async def jobs(self, *, state: str = "", text: str = "", cursor: str = "", limit: int = LONGEST_PAGE) -> Page[Job]:
        """One page of the caller's jobs, newest first."""
        params = _params(state=state, text=text, cursor=cursor, limit=limit)
        return cast(Page[Job], await self._json("GET", "/v1/jobs", params=params))

    async def all_jobs(self, *, state: str = "", text: str = "") -> AsyncGenerator[Job, None]:
        """Every job of the caller, newest first, page by page."""
        cursor = ""
        while True:
            page = await self.jobs(state=state, text=text, cursor=cursor)
            for job in page["items"]:
                yield job
            cursor = page["next_cursor"] or ""
            if not cursor:
                return

    async def act(self, job_id: str, verb: str) -> Job:
        """`verb` is cancel, pause, resume or retry."""
        return cast(Job, await self._json("POST", f"/v1/jobs/{job_id}/{verb}"))

    async def rename(self, job_id: str, name: str) -> Job:
        """Call a job `name`; "" is the torrent's own name."""
        return cast(Job, await self._json("PATCH", f"/v1/jobs/{job_id}", json={"name": name}))

    async def diagnosis(self, job_id: str) -> Diagnosis:
        """Why a job is where it is."""
        return cast(Diagnosis, await self._json("GET", f"/v1/jobs/{job_id}/diagnosis"))

    async def check_cache(self, info_hashes: Sequence[str]) -> list[CachedTorrent]:
        """What is stored of these torrents, 500 at most, in this order."""
        response = await self._send("POST", "/v1/cache/check", again=True, json={"info_hashes": list(info_hashes)})
        return cast(list[CachedTorrent], _decoded(response)["items"])

    async def set_priority(self, job_id: str, priority: str) -> Job:
        """`priority` is low, normal or high: which of the caller's own jobs go first."""
        return cast(Job, await self._json("PATCH", f"/v1/jobs/{job_id}", json={"priority": priority}))

    async def set_primary(self, job_id: str, file_id: str | None) -> Job:
        """Make a file of the job its main one; None: the largest video, or else audio."""
        return cast(Job, await self._json("PATCH", f"/v1/jobs/{job_id}", json={"primary_file_id": file_id}))

    async def delete_job(self, job_id: str) -> None:
        await self._send("DELETE", f"/v1/jobs/{job_id}")

    async def events(self, job_id: str, last_event_id: str = "") -> AsyncGenerator[Event, None]:
        """One connection's events; ends when the connection does (see tseeder_cli.follow for one that goes on)."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if last_event_id:
            headers["Last-Event-ID"] = last_event_id
        timeout = httpx.Timeout(EVENTS_SILENCE_SECONDS, connect=5.0)
        url = f"/v1/jobs/{job_id}/events"
        try:
            async with self._http.stream("GET", url, headers=headers, timeout=timeout) as response:
                if response.status_code >= 400:
                    raise await _refusal(response)
                async for event in EventSource(response).aiter_sse():
                    if event.event == "message" and not event.data:
                        continue  # a ping: the library makes an event of a comment's end, once an id was seen
                    yield Event(event.event, json.loads(event.data) if event.data else {}, event.id)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        except (SSEError, ValueError) as error:
            raise CliError(f"the event stream is not understood: {error}", code="bad_events") from error

    # files

    async def files(
        self, job_id: str = "", *, wanted: FileSearch = ANY_FILE, cursor: str = "", limit: int = LONGEST_PAGE
    ) -> Page[File]:
        """One page of a job's files in natural order; of all of the caller's files, newest first, without a job. It may
        hold none while the list goes on."""
        path = f"/v1/jobs/{job_id}/files" if job_id else "/v1/files"
        params = {**wanted.params(), **_params(cursor=cursor, limit=limit)}
        return cast(Page[File], await self._json("GET", path, params=params))

    async def all_files(self, job_id: str = "", *, wanted: FileSearch = ANY_FILE) -> AsyncGenerator[File, None]:
        cursor = ""
        while True:
            page = await self.files(job_id, wanted=wanted, cursor=cursor)
            for file in page["items"]:
                yield file
            cursor = page["next_cursor"] or ""
            if not cursor:
                return

    async def file(self, file_id: str) -> File:
        return cast(File, await self._json("GET", f"/v1/files/{file_id}"))

    def content(
        self, file_id: str, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[httpx.Response]:
        """The open answer of a file's bytes (200, 206 or 416); redirects are followed, without the key elsewhere.

        CliError(code "unreachable") also comes out of the `async with`, if the connection breaks while it is read.
        """
        return self._stream(f"/v1/files/{file_id}/content", {}, headers or {})

    def archive(
        self, job_id: str, params: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[httpx.Response]:
        """The open answer of a job's files as a ZIP archive, as `content`. `params`: `files`, `folder`, or neither."""
        return self._stream(f"/v1/jobs/{job_id}/archive.zip", params, headers or {})

    async def archive_bytes(self, job_id: str, params: Mapping[str, str]) -> int:
        """How large that archive is. (A HEAD would not say why there is none.)"""
        async with self.archive(job_id, params, {"Range": "bytes=0-0"}) as response:
            size = response.headers.get("Content-Range", "").rpartition("/")[2]
        if not size.isdigit():
            raise CliError("the server does not say how large the archive is", code="not_tseeder")
        return int(size)

    @asynccontextmanager
    async def _stream(
        self, path: str, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        wanted = {"Accept-Encoding": "identity", **headers}
        request = self._http.build_request("GET", path, params=dict(params), headers=wanted)
        response = await self._answer(request, again=True, stream=True)
        try:
            yield response
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        finally:
            await response.aclose()

    # links

    async def create_link(self, file_id: str, *, expires_at: str, download_limit: int | None, password: str) -> NewLink:
        """A link to a file; None and "": as the server has it. Not retried: a replay would not show the token."""
        wanted = {"expires_at": expires_at, "download_limit": download_limit, "password": password}
        body = {name: value for name, value in wanted.items() if value}
        return cast(NewLink, await self._json("POST", f"/v1/files/{file_id}/links", json=body))

    async def playlist(self, job_id: str, folder: str = "") -> str:
        """The text of a playlist of the job's media files, or those of a folder, with new links."""
        answer = await self._send("GET", f"/v1/jobs/{job_id}/playlist.m3u8", params=_params(folder=folder))
        return answer.text

    async def links(self, file_id: str = "", *, cursor: str = "", limit: int = LONGEST_PAGE) -> Page[Link]:
        """One page of the links to a file; of all of the caller's links without one. Newest first."""
        path = f"/v1/files/{file_id}/links" if file_id else "/v1/me/links"
        return cast(Page[Link], await self._json("GET", path, params=_params(cursor=cursor, limit=limit)))

    async def all_links(self, file_id: str = "") -> AsyncGenerator[Link, None]:
        cursor = ""
        while True:
            page = await self.links(file_id, cursor=cursor)
            for link in page["items"]:
                yield link
            cursor = page["next_cursor"] or ""
            if not cursor:
                return

    async def revoke_link(self, link_id: str) -> None:
        await self._send("DELETE", f"/v1/me/links/{link_id}")

    # the rest

    async def usage(self) -> Usage:
        return cast(Usage, await self._json("GET", "/v1/usage"))

    async def create_user(self, email: str, password: str, role: str) -> User:
        body = {"email": email, "password": password, "role": role}
        return cast(User, await self._json("POST", "/v1/admin/users", key=str(uuid4()), json=body))

    async def agents(self) -> Page[Agent]:
        return cast(Page[Agent], await self._json("GET", "/v1/admin/agents"))

    async def set_drain(self, agent_id: str, *, drain: bool, reason: str, ticket_id: str) -> Agent:
        """Order an agent to give everything back, or take that order back."""
        path = f"/v1/admin/agents/{quote(agent_id, safe='')}/{'drain' if drain else 'undrain'}"
        return cast(Agent, await self._json("POST", path, json={"reason": reason, "ticket_id": ticket_id}))

    async def dead_letters(self, *, reason_code: str = "", cursor: str = "", limit: int = 50) -> Page[DeadLetter]:
        """One page of what failed for good, newest first."""
        params = _params(reason_code=reason_code, cursor=cursor, limit=limit)
        return cast(Page[DeadLetter], await self._json("GET", "/v1/admin/dlq", params=params))

    async def dead_letter(self, transfer_id: str) -> WholeDeadLetter:
        return cast(WholeDeadLetter, await self._json("GET", f"/v1/admin/dlq/{quote(transfer_id, safe='')}"))

    async def replay(self, transfer_id: str, reason: str, ticket_id: str) -> Replay:
        """Its failed jobs are tried again; the audit log keeps why."""
        path, body = f"/v1/admin/dlq/{quote(transfer_id, safe='')}/replay", {"reason": reason, "ticket_id": ticket_id}
        return cast(Replay, await self._json("POST", path, json=body))

    async def storage(self) -> Storage:
        return cast(Storage, await self._json("GET", "/v1/admin/storage"))

    async def clean_storage(
        self, *, apply: bool, unknown: bool, cursor: str = "", reason: str = "", ticket_id: str = ""
    ) -> Cleanup:
        """One piece of the bucket is looked through; with `apply` what is found is dealt with, and audited."""
        body: dict[str, Any] = {
            "dry_run": not apply,
            "unknown_objects": unknown,
            "reason": reason,
            "ticket_id": ticket_id,
        }
        body |= {"cursor": cursor} if cursor else {}
        return cast(Cleanup, await self._json("POST", "/v1/admin/storage/cleanup", json=body))

    async def audit(self, *, cursor: str = "", limit: int = 50) -> Page[AuditEntry]:
        """One page of the audit log, newest first."""
        params = _params(cursor=cursor, limit=limit)
        return cast(Page[AuditEntry], await self._json("GET", "/v1/admin/audit", params=params))

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """Any other endpoint: its answer, None where there is none."""
        response = await self._send(method, path, **options)
        return _decoded(response) if response.content else None

    async def _json(self, method: str, path: str, **options: Any) -> Any:
        return _decoded(await self._send(method, path, **options))

    async def _send(
        self, method: str, path: str, *, key: str = "", again: bool = False, **options: Any
    ) -> httpx.Response:
        request = self._http.build_request(method, path, **options)
        if key:
            request.headers["Idempotency-Key"] = key
        if self._csrf and method not in ("GET", "HEAD"):
            request.headers["X-CSRF-Token"] = self._csrf
        return await self._answer(request, again=again or method == "GET" or bool(key))

    async def _answer(self, request: httpx.Request, *, again: bool, stream: bool = False) -> httpx.Response:
        """Send `request`; retry what is safe. A connection that was refused had no effect: any method is safe then."""
        delay = FIRST_DELAY_SECONDS
        for attempt in range(1, self._tries + 1):
            last = attempt == self._tries
            try:
                response = await self._http.send(request, stream=stream, follow_redirects=stream)
            except httpx.TransportError as error:
                if last or not (again or isinstance(error, httpx.ConnectError)):
                    raise self._unreachable(error) from error
                pause = delay
            else:
                if response.status_code < 400 or (stream and response.status_code == 416):
                    return response
                problem = await _refusal(response)
                if last or not again or response.status_code not in _AGAIN:
                    raise problem
                pause = problem.retry_after if problem.retry_after is not None else delay
                if pause > LONGEST_RETRY_AFTER_SECONDS:
                    raise problem
            await asyncio.sleep(pause * random.uniform(1.0, 1.3))  # noqa: S311 - jitter
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)
        raise AssertionError("the last try returns or raises")

    def _unreachable(self, error: httpx.TransportError) -> CliError:
        what = str(error) or type(error).__name__
        return CliError(
            f"no answer from {self.url}: {what}",
            code="unreachable",
            exit_code=ExitCode.UNAVAILABLE,
            hint="Is it running? Start one here with `tseeder up`, or name another with --url.",
        )


def _submission(source: Source, name: str, selection: Sequence[int] | None, priority: str) -> dict[str, Any]:
    """The body of POST /jobs: JSON, or multipart for a .torrent."""
    chosen = None if selection is None else {"file_indexes": list(selection)}
    if source.torrent:
        fields = {key: value for key, value in (("name", name), ("priority", priority)) if value}
        if chosen is not None:
            fields["selection"] = json.dumps(chosen)
        return {"files": {"torrent": ("upload.torrent", source.torrent, "application/x-bittorrent")}, "data": fields}
    body: dict[str, object] = {"magnet": source.magnet} if source.magnet else {"info_hash": source.info_hash}
    if name:
        body["name"] = name
    if priority:
        body["priority"] = priority
    if chosen is not None:
        body["selection"] = chosen
    return {"json": body}


def _params(**values: str | int) -> dict[str, str | int]:
    return {key: value for key, value in values.items() if value != ""}


def _decoded(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise CliError(
            f"{response.request.url.copy_with(path='/', query=None)} does not answer like tseeder (no JSON)",
            code="not_tseeder",
            hint="Is the URL right?",
        ) from error


async def _refusal(response: httpx.Response) -> ApiError:
    await response.aread()
    await response.aclose()
    return problem_of(response)


def problem_of(response: httpx.Response) -> ApiError:
    """The ApiError in an answer of 400 or more, whose body has been read."""
    body: Any = None
    if "json" in response.headers.get("Content-Type", ""):
        try:
            body = response.json()
        except ValueError:
            body = None  # said below by its status alone
    if not isinstance(body, dict):
        body = {"title": f"{response.request.url.host} answered {response.status_code} {response.reason_phrase}"}
    wait = response.headers.get("Retry-After", "")
    return ApiError(response.status_code, body, retry_after=float(wait) if wait.isdigit() else None)
