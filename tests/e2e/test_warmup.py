"""Warm-up: what a player reads first is here before it asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
from httpx_sse import EventSource

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person
from tests.e2e.seeding import Swarm
from tests.e2e.world import MIB
from tseeder_cli.wire import File

FIRST, LAST = 4 * MIB, MIB


Told: TypeAlias = tuple[str, dict[str, Any]]


async def warming(person: Person, file: File) -> AsyncGenerator[Told, None]:
    """The events, as they come, to the end of the stream."""
    async with (
        person.http() as http,
        http.stream("POST", f"/v1/files/{file['file_id']}/warmup", timeout=httpx.Timeout(60.0)) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        async for event in EventSource(answer).aiter_sse():
            if event.data:
                yield event.event, json.loads(event.data)


async def warmed(person: Person, file: File) -> list[Told]:
    """All events."""
    return [told async for told in warming(person, file)]


async def test_both_ends_come_before_all_else(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(32 * MIB)
    await swarm.seed(made, rate=3 * MIB)
    job = await ann.submit(swarm.torrent(made))
    (file,) = (await ann.files(job)).values()
    events = await warmed(ann, file)
    assert events[-1] == ("end", {"reason": "ready", "code": None, "message": None})
    kinds = {kind for kind, _ in events[:-1]}
    assert kinds == {"progress"}
    ready = [(told["first_ready_bytes"], told["last_ready_bytes"]) for _, told in events[:-1]]
    assert ready == sorted(ready), "it only grows"
    assert ready[-1] == (FIRST, LAST)
    assert [told["swarm_rate"] for _, told in events[:-1]][-1] is not None
    whole = await asyncio.to_thread(made.path_of(made.files[0]).read_bytes)
    async with ann.http() as http:
        asked = {"Range": f"bytes={32 * MIB - LAST}-"}
        last = await http.get(f"/v1/files/{file['file_id']}/content", headers=asked)
    assert last.content == whole[-LAST:]
    now = await ann.client.job(job["job_id"])
    assert now["state"] == "downloading", "it did not take the whole file to get there"


async def song(path: Path, seconds: int) -> None:
    """A noise of 3,072,000 bits a second, in a container that has its index at the end."""
    process = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"anoisesrc=sample_rate=96000:duration={seconds}"),
        *("-ac", "2", "-c:a", "pcm_s16le", str(path)),
        stdin=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0


@pytest.mark.ffmpeg
async def test_it_is_told_whether_the_swarm_is_as_fast_as_the_film(
    ann: Person, swarm: Swarm, sample: MakeSample, tmp_path: Path
) -> None:
    await song(tmp_path / "song.mov", 60)
    made = await sample(sources=[tmp_path / "song.mov"])
    await swarm.seed(made, rate=2 * MIB)
    job = await ann.submit(swarm.torrent(made))
    (file,) = (await ann.files(job)).values()
    events = await warmed(ann, file)
    assert (await ann.client.job(job["job_id"]))["state"] == "downloading"
    assert (events[0][1]["media_bit_rate"], events[0][1]["swarm_suffices"]) == (None, None)
    told = events[-2][1]
    assert told["media_bit_rate"] == pytest.approx(3_072_000, rel=0.01)
    assert told["swarm_suffices"] == (told["swarm_rate"] * 8 >= told["media_bit_rate"])
    assert events[-1][1]["reason"] == "ready"
    async with ann.http() as http:
        facts = (await http.get(f"/v1/files/{file['file_id']}")).json()["media"]
        assert (facts["container"], facts["duration_seconds"]) == ("quicktime", pytest.approx(60))
        assert facts["audio"] == [{"codec": "pcm_s16le", "channels": 2, "language": None}]
    again = (await warmed(ann, file))[0][1]
    assert again["media_bit_rate"] == told["media_bit_rate"], "it is known now"


async def test_what_is_stored_is_ready_and_what_is_anothers_is_not_there(
    ann: Person, ben: Person, swarm: Swarm, sample: MakeSample
) -> None:
    made = await sample(files={"a.bin": 100_000, "empty": 0})
    await swarm.seed(made)
    job = await ann.completed(await ann.submit(swarm.torrent(made)))
    files = await ann.files(job)
    for path, size in (("a.bin", 100_000), ("empty", 0)):
        file = next(each for each in files.values() if each["path"][-1] == path)
        (_, first), (kind, end) = await warmed(ann, file)
        assert (first["first_bytes"], first["first_ready_bytes"], first["last_bytes"]) == (size, size, 0)
        assert (kind, end["reason"]) == ("end", "ready")
    async with ben.http() as http:
        answer = await http.post(f"/v1/files/{file['file_id']}/warmup")
    assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")


async def test_a_deleted_job_ends_it(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    """No peer has anything: it would wait for ten minutes."""
    made = await sample(16 * MIB)
    job = await ann.submit(swarm.torrent(made))
    (file,) = (await ann.files(job)).values()
    async with aclosing(warming(ann, file)) as events:
        assert (await anext(events))[0] == "progress"
        await ann.delete(job)
        *_, (kind, end) = [told async for told in events]
    assert (kind, end["reason"], end["code"]) == ("end", "refused", "file_not_found")
