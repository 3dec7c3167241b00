"""Row 13: what a reader gets, and what stays behind, when a file is deleted while it is fetched, stored and read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import httpx

from tests.e2e.people import Person
from tests.e2e.waiting import wait_for
from tests.e2e.world import World
from tseeder_cli.wire import File, Job
from tseeder_testkit.torrents import Sample

PATIENT = httpx.Timeout(60.0)


@dataclass
class Reader:
    """Reads a file from its first byte, and holds what comes against the truth."""

    person: Person
    file: File
    truth: bytes
    read: int = 0
    broken: bool = False
    held: asyncio.Event = field(default_factory=asyncio.Event)
    """It takes nothing while this is not set."""

    async def run(self) -> None:
        """To the end, or to where it is cut. Raises AssertionError for a wrong byte, and for an end that only looks
        whole."""
        try:
            async with self.person.http() as http:
                url = f"/v1/files/{self.file['file_id']}/content"
                async with http.stream("GET", url, timeout=PATIENT) as answer:
                    if answer.status_code != 200:  # deleted before it began
                        self.broken = True
                        return
                    async for chunk in answer.aiter_bytes():
                        assert chunk == self.truth[self.read : self.read + len(chunk)], f"wrong bytes at {self.read}"
                        self.read += len(chunk)
                        await self.held.wait()
        except httpx.HTTPError:
            self.broken = True
        assert self.broken or self.read == len(self.truth), "a short answer that looks whole"


async def begun(person: Person, job: Job, made: Sample) -> tuple[Reader, asyncio.Task[None]]:
    """Somebody reads the job's only file."""
    (file,) = (await person.files(job)).values()
    truth = await asyncio.to_thread(made.path_of(made.files[0]).read_bytes)
    reader = Reader(person, file, truth)
    reader.held.set()
    return reader, asyncio.create_task(reader.run())


async def has_read(reader: Reader, task: asyncio.Task[None], share: float) -> None:
    """Wait until it has come so far."""

    async def there() -> bool:
        return task.done() or reader.read > share * len(reader.truth)

    await wait_for(there, f"more than {share:.0%} is read")


async def delete(reader: Reader, job: Job, *, whole_job: bool) -> None:
    """The job, or its only file: it is not charged from that moment on."""
    person = reader.person
    if whole_job:
        await person.delete(job)
    else:
        async with person.http() as http:
            assert (await http.delete(f"/v1/files/{reader.file['file_id']}")).status_code == 204
    usage = await person.client.usage()
    assert (usage["charged_bytes"], usage["reserved_bytes"]) == (0, 0)


async def nothing_left(world: World) -> None:
    """S3 holds no object any more, and all that should hold does."""

    async def empty() -> bool:
        return not await world.keys()

    await wait_for(empty, "the object is gone", timeout=30)
    await world.sound()
