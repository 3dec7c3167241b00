"""Jobs: submit, list, look, steer."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_gateway.api.access import JobsRead, JobsWrite
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.described import headers
from tseeder_gateway.api.ids import IdempotencyKey, JobId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import (
    IDEMPOTENT,
    INFO_HASH_CODES,
    LISTED,
    MAGNET_CODES,
    TORRENT_CODES,
    problems,
)
from tseeder_gateway.api.schemas.diagnosis import DiagnosisView
from tseeder_gateway.api.schemas.jobs import JobChangesBody, JobsQuery, JobView, NewSelectionBody, priority_of
from tseeder_gateway.api.schemas.wire import Page
from tseeder_gateway.api.submission import Submission
from tseeder_gateway.domain.header_values import idempotency_key

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_SELECTION: Final = ("selection_empty", "bad_selection", "selection_out_of_range")
_ACCEPTED: Final[dict[str, Any]] = {
    "description": "Accepted: it is in the database, or (with Idempotent-Replayed) was before",
    "headers": headers("Location", "Idempotent-Replayed"),
}


@router.post(
    "",
    status_code=202,
    responses={
        202: _ACCEPTED,
        **problems(
            *IDEMPOTENT,
            *TORRENT_CODES,
            *MAGNET_CODES,
            *INFO_HASH_CODES,
            *_SELECTION,
            "bad_name",
            "magnet_too_large",
            "torrent_too_large",
            "torrent_parse_failed",
            "torrent_parse_timeout",
            "torrent_blocked",
            "account_deleted",
            "live_jobs_limit",
            "storage_quota_exceeded",
            "job_not_found",
            "idempotency_in_flight",
            "parser_busy",
            "no_default_plan",
        ),
    },
)
async def submit_job(
    request: Request,
    response: Response,
    access: JobsWrite,
    submission: Annotated[pb.SubmitRequest, Depends(Submission())],
    key: IdempotencyKey = None,
) -> JobView:
    """Takes a magnet, an info-hash or a .torrent. The same Idempotency-Key and content answer the same job."""
    submission.idempotency_key = idempotency_key(key)
    answer = await parts_of(request).jobs.submit(access.identity, submission)
    response.headers["Location"] = f"/v1/jobs/{answer.job.job_id}"
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return JobView.of(answer.job)


@router.get("", responses=problems(*LISTED))
async def list_jobs(request: Request, access: JobsRead, query: Annotated[JobsQuery, Query()]) -> Page[JobView]:
    """The caller's jobs, newest first."""
    answer = await parts_of(request).jobs.list_jobs(
        access.identity,
        states=[model.JobState.Value(f"JOB_STATE_{state.upper()}") for state in query.state],
        text=query.text or "",
        cursor=query.cursor or "",
        limit=query.limit or 0,
    )
    return Page(items=[JobView.of(job) for job in answer.jobs], next_cursor=answer.next_cursor or None)


@router.get("/{job_id}", responses=problems("job_not_found"))
async def get_job(request: Request, access: JobsRead, job_id: JobId) -> JobView:
    """One job."""
    return JobView.of(await parts_of(request).jobs.get_job(access.identity, job_id))


@router.get("/{job_id}/diagnosis", responses=problems("job_not_found"))
async def diagnose_job(request: Request, access: JobsRead, job_id: JobId) -> DiagnosisView:
    """Why the job is where it is: a verdict, its evidence, and since when."""
    return DiagnosisView.of(await parts_of(request).jobs.diagnose_job(access.identity, job_id))


@router.patch("/{job_id}", responses=problems("job_not_found", "bad_name", "file_not_found", "file_not_wanted"))
async def update_job(
    request: Request,
    access: JobsWrite,
    job_id: JobId,
    body: Annotated[JobChangesBody, Depends(JsonBody(JobChangesBody))],
) -> JobView:
    """Changes what the caller calls the job, its place among his own jobs, and its main media file, also after the
    end."""
    name = (body.name or "") if "name" in body.model_fields_set else None
    priority = priority_of(body.priority or "normal") if "priority" in body.model_fields_set else priority_of(None)
    primary = (body.primary_file_id or "") if "primary_file_id" in body.model_fields_set else None
    job = await parts_of(request).jobs.update_job(
        access.identity, job_id, name=name, priority=priority, primary_file_id=primary
    )
    return JobView.of(job)


@router.delete("/{job_id}", status_code=204, responses=problems("job_not_found"))
async def delete_job(request: Request, access: JobsWrite, job_id: JobId) -> None:
    """Cancels it if need be, and gives its files up for good."""
    await parts_of(request).jobs.delete_job(access.identity, job_id)


@router.post("/{job_id}/cancel", responses=problems("job_not_found"))
async def cancel_job(request: Request, access: JobsWrite, job_id: JobId) -> JobView:
    """Ends the wish; what is stored stays."""
    return JobView.of(await parts_of(request).jobs.cancel_job(access.identity, job_id))


@router.post("/{job_id}/pause", responses=problems("job_not_found", "job_ended"))
async def pause_job(request: Request, access: JobsWrite, job_id: JobId) -> JobView:
    """Suspends the wish."""
    return JobView.of(await parts_of(request).jobs.pause_job(access.identity, job_id))


@router.post(
    "/{job_id}/resume",
    responses=problems("job_not_found", "job_ended", "live_jobs_limit", "torrent_blocked"),
)
async def resume_job(request: Request, access: JobsWrite, job_id: JobId) -> JobView:
    """Takes a paused job up again."""
    return JobView.of(await parts_of(request).jobs.resume_job(access.identity, job_id))


@router.post(
    "/{job_id}/retry",
    responses=problems(
        "job_not_found",
        "job_not_retryable",
        "selection_out_of_range",
        "live_jobs_limit",
        "storage_quota_exceeded",
        "torrent_blocked",
    ),
)
async def retry_job(request: Request, access: JobsWrite, job_id: JobId) -> JobView:
    """Runs a job again that ended without its files."""
    return JobView.of(await parts_of(request).jobs.retry_job(access.identity, job_id))


@router.put(
    "/{job_id}/selection",
    responses=problems(
        "job_not_found", "job_ended", *_SELECTION, "live_jobs_limit", "storage_quota_exceeded", "torrent_blocked"
    ),
)
async def set_selection(
    request: Request,
    access: JobsWrite,
    job_id: JobId,
    body: Annotated[NewSelectionBody, Depends(JsonBody(NewSelectionBody))],
) -> JobView:
    """Replaces which files are wanted, also after the end; null is every file."""
    indexes = body.file_indexes
    selection = None if indexes is None else model.Selection(file_indexes=indexes)
    return JobView.of(await parts_of(request).jobs.set_selection(access.identity, job_id, selection))
