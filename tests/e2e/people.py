"""Somebody who uses tseeder by REST, and what the API has told them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.e2e.waiting import wait_for
from tseeder_cli.client import Client, Event, Source
from tseeder_cli.errors import ApiError
from tseeder_cli.wire import ENDED, File, Job
from tseeder_testkit.torrents import Sample

AT_ONCE = 8


@dataclass
class Log:
    """The clients' own record of every 2xx answer, for the invariants.

    `contents`: the SHA-256 that the source has, by (job, file index).
    """

    accepted: set[UUID] = field(default_factory=set)
    deleted: set[UUID] = field(default_factory=set)
    contents: dict[tuple[UUID, int], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Person:
    """A user with an API key."""

    user_id: str
    email: str
    client: Client
    key: str = field(repr=False)
    log: Log

    def http(self) -> httpx.AsyncClient:
        """Bare HTTP as this person, for what the client would not send; use it as a context manager."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(base_url=self.client.url, headers=headers, trust_env=False, timeout=30)

    async def submit(
        self, source: Source, *, name: str = "", selection: Sequence[int] | None = None, key: str = ""
    ) -> Job:
        """The accepted job."""
        job, _ = await self.client.submit(source, name=name, selection=selection, key=key)
        self.log.accepted.add(UUID(job["job_id"]))
        return job

    async def until(self, job: Job, *states: str, timeout: float = 100.0) -> Job:
        """The job once it is in one of `states`; AssertionError if it ends in another one or not in time."""
        last = job

        async def arrived() -> Job | None:
            nonlocal last
            last = await self.client.job(job["job_id"])
            assert last["state"] in states or last["state"] not in ENDED, last
            return last if last["state"] in states else None

        try:
            return await wait_for(arrived, f"job {job['job_id']} is {' or '.join(states)}", timeout=timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {last}") from None

    async def completed(self, job: Job, *, timeout: float = 100.0) -> Job:
        """The job, completed."""
        return await self.until(job, "completed", timeout=timeout)

    async def fetched(self, job: Job, share: float, *, timeout: float = 100.0) -> None:
        """Wait until the agent tells of `share` of the job's bytes; the job must still be on its way."""
        async for event in self.events(job, timeout=timeout):
            progress = event.data if event.kind == "progress" else event.data.get("progress")
            if (
                progress
                and progress["wanted_bytes"]
                and progress["downloaded_bytes"] >= share * progress["wanted_bytes"]
            ):
                return
            assert event.kind != "end", event
        raise AssertionError(f"the events ended before {share:.0%} of {job['job_id']} was fetched")

    async def events(self, job: Job, last_event_id: str = "", *, timeout: float = 100.0) -> Any:
        """The events of one connection."""
        async with asyncio.timeout(timeout):
            async for event in self.client.events(job["job_id"], last_event_id):
                yield event

    async def delete(self, job: Job) -> None:
        """Delete a job."""
        await self.client.delete_job(job["job_id"])
        self.log.deleted.add(UUID(job["job_id"]))

    async def files(self, job: Job) -> dict[str, File]:
        """The job's files, by path."""
        return {"/".join(file["path"]): file async for file in self.client.all_files(job["job_id"])}

    async def sha256(self, file: File) -> str:
        """Of the file as it comes by REST; its length must be right."""
        digest, size = hashlib.sha256(), 0
        async with self.client.content(file["file_id"]) as response:
            assert response.status_code == 200
            async for chunk in response.aiter_bytes():
                digest.update(chunk)
                size += len(chunk)
        assert size == file["size_bytes"]
        return digest.hexdigest()

    async def sums(self, files: Collection[File]) -> Mapping[str, str]:
        """The SHA-256 of each file, by path, a few at once."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(file: File) -> tuple[str, str]:
            async with limit:
                return "/".join(file["path"]), await self.sha256(file)

        return dict(await asyncio.gather(*map(one, files)))

    async def has(
        self, job: Job, sample: Sample, *, wanted: Collection[str] | None = None, every: int = 1
    ) -> dict[str, File]:
        """Assert that all `wanted` files (paths; None: all) are stored, and that REST gives the source's bytes.

        `every` 10 downloads every tenth file only; the invariants compare all of them in S3.
        """
        files = await self.files(job)
        assert {path: file["size_bytes"] for path, file in files.items()} == {f.path: f.size for f in sample.files}
        chosen = set(files if wanted is None else wanted)
        assert {path for path, file in files.items() if file["state"] == "stored"} == chosen
        assert {path for path, file in files.items() if file["selected"]} == chosen
        truth = {file.path: file.sha256 for file in sample.files if file.path in chosen}
        downloaded = sorted(chosen)[::every]
        assert await self.sums([files[path] for path in downloaded]) == {path: truth[path] for path in downloaded}
        for path in chosen:
            self.log.contents[UUID(job["job_id"]), files[path]["file_index"]] = truth[path]
        return files

    async def delete_all(self) -> None:
        """Delete every job of this person."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(job: Job) -> None:
            async with limit:
                await self.delete(job)

        await asyncio.gather(*[one(job) async for job in self.client.all_jobs()])


async def collect(person: Person, job: Job, last_event_id: str = "", *, timeout: float = 100.0) -> list[Event]:
    """All events of one connection, up to its end."""
    return [event async for event in person.events(job, last_event_id, timeout=timeout)]


async def refused(status: int, code: str, call: Awaitable[object]) -> ApiError:
    """The call is refused with this status and problem code; gives the error."""
    with pytest.raises(ApiError) as caught:
        await call
    assert (caught.value.status, caught.value.code) == (status, code)
    return caught.value
