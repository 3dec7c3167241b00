"""Following a job over broken connections, and what the watcher makes of it."""

from __future__ import annotations

import httpx
import pytest

from tests.unit.cli.wires import JOB_ID, Script, client, event, job, problem, stream_of
from tseeder_cli.errors import CliError
from tseeder_cli.follow import follow
from tseeder_cli.verbs.jobs import watch_to_end
from tseeder_cli.wire import Job, Progress

PROGRESS: Progress = {
    "job_id": JOB_ID,
    "state": "downloading",
    "wanted_bytes": 100,
    "downloaded_bytes": 50,
    "uploaded_bytes": 20,
    "download_rate": 10,
    "upload_rate": 5,
    "peers": 3,
    "seeds": 1,
    "eta_seconds": None,
    "epoch": 1,
}


async def test_a_broken_stream_is_taken_up_after_the_last_event_seen() -> None:
    script = Script(
        [
            stream_of(
                event("snapshot", job(version=3), 3), b": ping\n\n", event("job", job(version=5), 5), breaks=True
            ),
            httpx.ConnectError("refused"),
            problem(503, "service_unavailable"),
            stream_of(event("progress", PROGRESS)),  # ends without `end`
            stream_of(event("job", job(version=9, state="completed"), 9), event("end", {})),
        ]
    )
    async with client(script) as http:
        kinds = [told.kind async for told in follow(http, JOB_ID, first_delay=0)]
    assert kinds == ["snapshot", "job", "progress", "job", "end"]
    assert [request.headers.get("Last-Event-ID") for request in script.requests] == [None, "5", "5", "5", "5"]


async def test_waiting_does_not_mend_a_job_that_is_not_there() -> None:
    async with client(Script([problem(404, "job_not_found")])) as http:
        with pytest.raises(CliError) as caught:
            [told async for told in follow(http, JOB_ID, first_delay=0)]
    assert caught.value.code == "job_not_found"


async def test_patience_has_an_end() -> None:
    async with client(Script([httpx.ConnectError("refused")])) as http:
        with pytest.raises(CliError) as caught:
            [told async for told in follow(http, JOB_ID, patience_seconds=-1, first_delay=0)]
    assert caught.value.code == "unreachable"


async def test_a_watcher_sees_all_that_is_told_and_returns_the_completed_job() -> None:
    events = [
        event("snapshot", {**job(state="queued", metadata_known=False), "progress": None}, 1),
        event("job", job(), 2),
        event("progress", PROGRESS),
        event("job", job(state="completed", stored_bytes=100), 3),
        event("end", {}),
    ]
    told: list[tuple[str, bool]] = []

    def seen(now: Job, progress: Progress | None) -> None:
        told.append((now["state"], progress is not None))

    async with client(Script([stream_of(*events)])) as http:
        done = await watch_to_end(http, job(state="queued"), seen=seen)
    assert done["stored_bytes"] == 100
    assert told == [
        ("queued", False),
        ("queued", False),
        ("downloading", False),
        ("downloading", True),
        ("completed", False),
        ("completed", False),
    ]


@pytest.mark.parametrize(
    ("last", "end", "code"),
    [
        (job(state="failed", reason={"code": "info_hash_mismatch", "message": "Bad."}), {}, "info_hash_mismatch"),
        (job(state="cancelled"), {}, "job_cancelled"),
        (job(state="downloading"), {"reason": "deleted"}, "job_deleted"),
    ],
)
async def test_another_end_than_completed_is_an_error(last: Job, end: dict[str, str], code: str) -> None:
    async with client(Script([stream_of(event("snapshot", last, 1), event("end", end))])) as http:
        with pytest.raises(CliError) as caught:
            await watch_to_end(http, job())
    assert caught.value.code == code
