"""Make a file ready to be played."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from fastapi import APIRouter, Request, Response

from tseeder.jobs.v1.model_pb2 import File
from tseeder_gateway.api.access import FilesRead, authorizer
from tseeder_gateway.api.described import WARMTH_EVENTS
from tseeder_gateway.api.ids import FileId
from tseeder_gateway.api.parts import Parts, parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.api.schemas.warmup import WarmedUpView, WarmthView
from tseeder_gateway.api.sse import EventStream, Frames, frame
from tseeder_gateway.domain.access import Access
from tseeder_gateway.usecases.open_content import OpenContent
from tseeder_gateway.usecases.readings import OwnReading
from tseeder_gateway.usecases.warm_up import WarmedUp, WarmEvent, WarmUp

router = APIRouter(prefix="/v1/files", tags=["files"])


@router.post(
    "/{file_id}/warmup",
    status_code=200,
    response_class=EventStream,
    responses={
        200: WARMTH_EVENTS,
        **problems("file_not_found", "file_not_wanted", "torrent_blocked", "too_many_streams"),
    },
)
async def warm_up(request: Request, access: FilesRead, file_id: FileId) -> Response:
    """Fetches what a player reads first, the beginning and the very end, before all else, and tells how that goes. Once
    they are here it is looked, for seconds at most, how many bits a second the film has (by setting)."""
    parts = parts_of(request)
    opened = _open(parts, access, file_id)
    return EventStream(opened, stalled_seconds=parts.settings.stalled_reader_seconds)


@asynccontextmanager
async def _open(parts: Parts, access: Access, file_id: str) -> AsyncIterator[Frames]:
    authorize = authorizer(parts, access, "files:read")

    def new_source() -> OpenContent:
        return OpenContent(OwnReading(parts.jobs, authorize, file_id), parts.readers, counted=False)

    async def probe() -> File:
        return await parts.jobs.probe_file((await authorize()).identity, file_id)

    with parts.streams.hold(access.user_id), parts.warm_ups.hold(access.user_id):
        opened = await new_source().open()
        async with parts.topics.watch(opened.answer.file.job_id) as (watcher, progress):
            warming = WarmUp(opened, new_source, watcher, probe, progress)
            async with aclosing(_frames(warming.events())) as frames:
                yield Frames(frames, watcher.close)


async def _frames(events: AsyncGenerator[WarmEvent, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        async for event in events:
            if isinstance(event, WarmedUp):
                yield frame("end", WarmedUpView.of(event).model_dump_json())
            else:
                yield frame("progress", WarmthView.of(event).model_dump_json())
