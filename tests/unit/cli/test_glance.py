"""How far jobs are, in a list; and an ETA that does not jump."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx

from tests.unit.cli.wires import JOB_ID, URL, client, event, job, problem, stream_of
from tseeder_cli.bars import SteadyEta
from tseeder_cli.client import Client
from tseeder_cli.glance import MOST_JOBS, glance

PROGRESS = {"job_id": JOB_ID, "wanted_bytes": 100, "downloaded_bytes": 40}


async def test_progress_comes_from_the_snapshot_or_from_the_first_event() -> None:
    before = stream_of(event("snapshot", {**job(), "progress": PROGRESS}))
    async with client(lambda _: before) as http:
        assert await glance(http, [job()]) == {JOB_ID: PROGRESS}
    later = stream_of(event("snapshot", {**job(), "progress": None}), event("progress", PROGRESS))
    async with client(lambda _: later) as http:
        assert await glance(http, [job()]) == {JOB_ID: PROGRESS}


async def test_only_jobs_that_move_are_looked_at_and_not_too_many() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return stream_of(event("end", {"reason": "completed"}))

    resting = [job(job_id="x", state=state) for state in ("completed", "paused", "queued", "resolving", "failed")]
    async with client(answer) as http:
        assert await glance(http, [*resting, *(job(job_id=str(number)) for number in range(30))]) == {}
    assert asked == [f"/v1/jobs/{number}/events" for number in range(MOST_JOBS)]


class Silent(httpx.AsyncByteStream):
    """A stream of which nothing comes."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""


async def test_a_list_is_shown_without_what_is_not_heard_or_refused() -> None:
    silent = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Silent())
    for answer in (silent, problem(429, "too_many_streams")):
        transport = httpx.MockTransport(lambda _, answer=answer: answer)
        async with Client(URL, "key", transport=transport, tries=1) as http:
            assert await glance(http, [job()], wait_seconds=0.01) == {}


def test_an_eta_is_told_late_and_does_not_jump() -> None:
    eta = SteadyEta()
    assert [eta.told(guess) for guess in (500, 201, 100)] == [None, None, 100]
    shown = [eta.told(13) for _ in range(20)]
    steps = [before - after for before, after in zip([100, *shown], shown, strict=False)]  # type: ignore[operator]
    assert max(steps) < 30
    assert shown[-1] is not None
    assert 10 < shown[-1] < 20
    assert eta.told(None) is None
    assert eta.told(5) is None
