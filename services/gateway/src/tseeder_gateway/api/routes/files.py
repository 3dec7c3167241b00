"""Files: look, delete, download."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from tseeder_gateway.api.access import FilesRead, FilesWrite, Unnamed, authorizer
from tseeder_gateway.api.answer_content import answer_content, described_content
from tseeder_gateway.api.content_origin import is_elsewhere, to_content_origin
from tseeder_gateway.api.ids import FileId, GrantText, JobId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import LISTED, problems
from tseeder_gateway.api.schemas.files import FilesQuery, FileView, JobFilesQuery, JobFilesView
from tseeder_gateway.api.schemas.wire import Page
from tseeder_gateway.domain.access import Access
from tseeder_gateway.usecases.readings import GrantReading, OwnReading

router = APIRouter(prefix="/v1", tags=["files"])


@router.get("/jobs/{job_id}/files", responses=problems(*LISTED, "bad_size_range", "job_not_found", "folder_not_found"))
async def list_job_files(
    request: Request, access: FilesRead, job_id: JobId, query: Annotated[JobFilesQuery, Query()]
) -> JobFilesView:
    """A job's files: all in one list, or folder by folder."""
    jobs = parts_of(request).jobs
    if query.view == "folder":
        return JobFilesView.of(
            await jobs.list_folder(
                access.identity,
                job_id,
                folder=query.folder or "",
                cursor=query.cursor or "",
                limit=query.limit or 0,
            )
        )
    asked = query.asked()
    asked.job_id = job_id
    return JobFilesView.of(await jobs.list_files(access.identity, asked))


@router.get("/files", responses=problems(*LISTED, "bad_size_range"))
async def list_files(request: Request, access: FilesRead, query: Annotated[FilesQuery, Query()]) -> Page[FileView]:
    """The files of all jobs of the caller, newest first. A page may hold fewer than `limit`, or none, while
    `next_cursor` goes on."""
    answer = await parts_of(request).jobs.list_files(access.identity, query.asked())
    return Page(items=[FileView.of(file) for file in answer.files], next_cursor=answer.next_cursor or None)


@router.get("/files/{file_id}", responses=problems("file_not_found"))
async def get_file(request: Request, access: FilesRead, file_id: FileId) -> FileView:
    """One file."""
    return FileView.of(await parts_of(request).jobs.get_file(access.identity, file_id))


@router.delete("/files/{file_id}", status_code=204, responses=problems("file_not_found"))
async def delete_file(request: Request, access: FilesWrite, file_id: FileId) -> None:
    """Gives the file up for good."""
    await parts_of(request).jobs.delete_file(access.identity, file_id)


@router.api_route("/files/{file_id}/content", methods=["GET"], **described_content("file_not_found"))
async def get_content(request: Request, access: FilesRead, file_id: FileId) -> Response:
    """The file's bytes: all, a range, or up to five. Where there is a content origin, browsers are sent there."""
    return await _content(request, access, file_id)


@router.api_route("/files/{file_id}/content", methods=["HEAD"], **described_content("file_not_found"))
async def head_content(request: Request, access: FilesRead, file_id: FileId) -> Response:
    """What a GET would say about the whole file."""
    return await _content(request, access, file_id)


@router.api_route(
    "/content/{grant}",
    methods=["GET"],
    dependencies=[Depends(Unnamed())],
    **described_content("content_url_expired"),
)
async def get_granted_content(request: Request, grant: GrantText) -> Response:
    """The bytes of a file whose content was said to be here. The address is good for 12 hours, and asks for no
    credential."""
    return await answer_content(request, GrantReading(parts_of(request).grants, grant))


@router.api_route(
    "/content/{grant}",
    methods=["HEAD"],
    dependencies=[Depends(Unnamed())],
    **described_content("content_url_expired"),
)
async def head_granted_content(request: Request, grant: GrantText) -> Response:
    """What a GET would say about the whole file."""
    return await answer_content(request, GrantReading(parts_of(request).grants, grant))


async def _content(request: Request, access: Access, file_id: str) -> Response:
    """A program that shows its API key is answered here: no other site could have made it ask, and what it gets it does
    not run."""
    parts = parts_of(request)
    if access.by_session and is_elsewhere(request):
        grant = await parts.grants.make(access.identity, file_id)
        return to_content_origin(request, f"/v1/content/{grant}")
    return await answer_content(request, OwnReading(parts.jobs, authorizer(parts, access, "files:read"), file_id))
