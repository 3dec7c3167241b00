"""A job, live."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from fastapi import APIRouter, Request, Response

from tseeder_gateway.api.access import JobsRead, authorizer
from tseeder_gateway.api.described import EVENTS
from tseeder_gateway.api.ids import JobId
from tseeder_gateway.api.parts import Parts, parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.api.schemas.jobs import EndView, JobView, ProgressView, SnapshotView
from tseeder_gateway.api.sse import PING, EventStream, Frames, frame
from tseeder_gateway.domain.access import Access
from tseeder_gateway.domain.header_values import last_event_id
from tseeder_gateway.settings import Settings
from tseeder_gateway.usecases.watch_job import Advanced, Changed, Ended, JobEvent, Ping, Snapshot, Timing, WatchJob

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get(
    "/{job_id}/events",
    status_code=200,
    response_class=EventStream,
    openapi_extra={"x-request-headers": ("Last-Event-ID",)},
    responses={
        200: EVENTS,
        **problems("job_not_found", "too_many_streams"),
    },
)
async def job_events(request: Request, access: JobsRead, job_id: JobId) -> Response:
    """The job as it is, then what is newer, until it ends. `Last-Event-ID` saves a snapshot that is known already."""
    parts = parts_of(request)
    seen = last_event_id(request.headers.get("last-event-id"))
    opened = _open(parts, access, job_id, seen)
    return EventStream(opened, stalled_seconds=parts.settings.stalled_reader_seconds)


@asynccontextmanager
async def _open(parts: Parts, access: Access, job_id: str, seen: int | None) -> AsyncIterator[Frames]:
    with parts.streams.hold(access.user_id):
        async with parts.topics.watch(job_id) as (watcher, progress):
            # Only now, so that no change can fall between this reading and the first message.
            job = await parts.jobs.get_job(access.identity, job_id)
            watch = WatchJob(
                parts.jobs, authorizer(parts, access, "jobs:read"), watcher, _timing(parts.settings), access=access
            )
            async with aclosing(_frames(watch.events(job, progress, seen))) as frames:
                yield Frames(frames, watcher.close)


async def _frames(events: AsyncGenerator[JobEvent, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        async for event in events:
            yield _frame(event)


def _frame(event: JobEvent) -> bytes:
    match event:
        case Snapshot(job, progress):
            return frame("snapshot", SnapshotView.taken(job, progress).model_dump_json(), version=job.version)
        case Changed(job):
            return frame("job", JobView.of(job).model_dump_json(), version=job.version)
        case Advanced(progress):
            return frame("progress", ProgressView.of(progress).model_dump_json())
        case Ended(reason):
            return frame("end", EndView(reason=reason).model_dump_json())
        case Ping():
            return PING


def _timing(settings: Settings) -> Timing:
    return Timing(
        reread=settings.events_reread_seconds,
        recheck=settings.events_recheck_seconds,
        ping=settings.events_ping_seconds,
        gap=settings.events_gap_seconds,
        blind=settings.events_blind_seconds,
    )
