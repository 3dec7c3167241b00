"""tseeder.jobs.v1.Jobs: what users do with their jobs and files."""

# ruff: noqa: N802
# The methods are named by the proto.

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import jobs_pb2_grpc
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.api import archive_wire, diagnosis_wire, file_lists, submissions, wire
from tseeder_jobs.api.callers import user
from tseeder_jobs.usecases import read_files, read_jobs
from tseeder_jobs.usecases.cancel_job import cancel_job
from tseeder_jobs.usecases.check_cache import check_cache
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.delete_file import delete_file
from tseeder_jobs.usecases.delete_job import delete_job
from tseeder_jobs.usecases.describe_archive import describe_archive
from tseeder_jobs.usecases.diagnose_job import diagnose_job
from tseeder_jobs.usecases.hold_stream import end_stream
from tseeder_jobs.usecases.list_folder import list_folder
from tseeder_jobs.usecases.open_archive import open_archive
from tseeder_jobs.usecases.open_read import open_read
from tseeder_jobs.usecases.pause_job import pause_job
from tseeder_jobs.usecases.probe_file import probe_file
from tseeder_jobs.usecases.read_usage import get_usage
from tseeder_jobs.usecases.resume_job import resume_job
from tseeder_jobs.usecases.retry_job import retry_job
from tseeder_jobs.usecases.set_selection import set_selection
from tseeder_jobs.usecases.submit_job import submit_job
from tseeder_jobs.usecases.update_job import update_job
from tseeder_kit.telemetry import counter

_submits: Final = counter("jobs_submits", "Submits that were answered with a job", ("outcome",))


class JobsServicer(jobs_pb2_grpc.JobsServicer):
    """Wire to domain and back; every call acts for the user whose identity it carries."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def Submit(self, request: pb.SubmitRequest, context: Any) -> pb.SubmitResponse:
        """Accept a job, or answer the one that the same request made before."""
        caller = user("jobs:write")
        row, replayed = await submit_job(self._ctx, caller, submissions.submission(request))
        _submits.labels("replayed" if replayed else "accepted").inc()
        return pb.SubmitResponse(job=wire.job(row), replayed=replayed)

    async def GetJob(self, request: pb.GetJobRequest, context: Any) -> model.Job:
        """One job."""
        caller = user("jobs:read")
        return wire.job(await read_jobs.get_job(self._ctx, caller, wire.job_id(request.job_id)))

    async def ListJobs(self, request: pb.ListJobsRequest, context: Any) -> pb.ListJobsResponse:
        """A page of jobs, newest first."""
        caller = user("jobs:read")
        states = [wire.job_state(value) for value in request.states]
        rows, following = await read_jobs.list_jobs(
            self._ctx, caller, states=states, text=request.text, cursor=request.cursor, limit=request.limit
        )
        return pb.ListJobsResponse(jobs=[wire.job(row) for row in rows], next_cursor=following)

    async def CancelJob(self, request: pb.CancelJobRequest, context: Any) -> model.Job:
        """End the wish; what is stored stays."""
        caller = user("jobs:write")
        return wire.job(await cancel_job(self._ctx, caller, wire.job_id(request.job_id)))

    async def DeleteJob(self, request: pb.DeleteJobRequest, context: Any) -> pb.DeleteJobResponse:
        """Give the job and its files up."""
        caller = user("jobs:write")
        await delete_job(self._ctx, caller, wire.job_id(request.job_id))
        return pb.DeleteJobResponse()

    async def PauseJob(self, request: pb.PauseJobRequest, context: Any) -> model.Job:
        """Want it, but not now."""
        caller = user("jobs:write")
        return wire.job(await pause_job(self._ctx, caller, wire.job_id(request.job_id)))

    async def ResumeJob(self, request: pb.ResumeJobRequest, context: Any) -> model.Job:
        """Want it now."""
        caller = user("jobs:write")
        return wire.job(await resume_job(self._ctx, caller, wire.job_id(request.job_id)))

    async def RetryJob(self, request: pb.RetryJobRequest, context: Any) -> model.Job:
        """Want again what ended without success."""
        caller = user("jobs:write")
        return wire.job(await retry_job(self._ctx, caller, wire.job_id(request.job_id)))

    async def SetSelection(self, request: pb.SetSelectionRequest, context: Any) -> model.Job:
        """Want these files, and no others."""
        caller = user("jobs:write")
        chosen = submissions.selection(request.selection) if request.HasField("selection") else None
        return wire.job(await set_selection(self._ctx, caller, wire.job_id(request.job_id), chosen))

    async def UpdateJob(self, request: pb.UpdateJobRequest, context: Any) -> model.Job:
        """Call it something else, let it go before or after one's others, choose its main file."""
        caller = user("jobs:write")
        job_id = wire.job_id(request.job_id)
        return wire.job(await update_job(self._ctx, caller, job_id, submissions.changes(request)))

    async def DiagnoseJob(self, request: pb.DiagnoseJobRequest, context: Any) -> pb.Diagnosis:
        """Why it is where it is."""
        caller = user("jobs:read")
        return diagnosis_wire.diagnosis_to_wire(await diagnose_job(self._ctx, caller, wire.job_id(request.job_id)))

    async def ListFiles(self, request: pb.ListFilesRequest, context: Any) -> pb.ListFilesResponse:
        """A page of files, of one job or of all."""
        caller = user("files:read")
        wanted, cursor, limit = file_lists.wanted(request), request.cursor, request.limit
        if not request.job_id:
            return file_lists.files(await read_files.find_files(self._ctx, caller, wanted, cursor=cursor, limit=limit))
        job_id, folder, order = wire.job_id(request.job_id), request.folder, file_lists.order(request)
        return file_lists.files(
            await read_files.list_files(
                self._ctx, caller, job_id, wanted, folder=folder, order=order, cursor=cursor, limit=limit
            )
        )

    async def ListFolder(self, request: pb.ListFolderRequest, context: Any) -> pb.ListFolderResponse:
        """A page of what is directly in a folder of a job."""
        caller = user("files:read")
        job_id = wire.job_id(request.job_id)
        page = await list_folder(self._ctx, caller, job_id, request.folder, cursor=request.cursor, limit=request.limit)
        return file_lists.folder(page)

    async def GetFile(self, request: pb.GetFileRequest, context: Any) -> model.File:
        """One file."""
        caller = user("files:read")
        return wire.file(await read_files.get_file(self._ctx, caller, wire.file_id(request.file_id)))

    async def ProbeFile(self, request: pb.ProbeFileRequest, context: Any) -> model.File:
        """One file, with its media facts if they can be had now."""
        caller = user("files:read")
        return wire.file(await probe_file(self._ctx, caller, wire.file_id(request.file_id)))

    async def DeleteFile(self, request: pb.DeleteFileRequest, context: Any) -> pb.DeleteFileResponse:
        """Give one file up."""
        caller = user("files:write")
        await delete_file(self._ctx, caller, wire.file_id(request.file_id))
        return pb.DeleteFileResponse()

    async def OpenRead(self, request: pb.OpenReadRequest, context: Any) -> pb.OpenReadResponse:
        """Where a file's bytes can be had."""
        caller = user("files:read")
        stream_id = wire.stream_id(request.stream_id) if request.stream_id else None
        return wire.read(await open_read(self._ctx, caller, wire.file_id(request.file_id), request.offset, stream_id))

    async def EndRead(self, request: pb.EndReadRequest, context: Any) -> pb.EndReadResponse:
        """A reader is done."""
        await end_stream(self._ctx, user("files:read"), wire.stream_id(request.stream_id), request.sent_bytes)
        return pb.EndReadResponse()

    async def DescribeArchive(
        self, request: pb.DescribeArchiveRequest, context: Any
    ) -> AsyncIterator[pb.DescribeArchiveResponse]:
        """What an archive of a job's files is made of."""
        caller = user("files:read")
        chosen = archive_wire.chosen_of(request)
        stream_id = wire.stream_id(request.stream_id) if request.stream_id else None
        job_id = wire.job_id(request.job_id)
        async for item in describe_archive(self._ctx, caller, job_id, chosen, stream_id):
            yield archive_wire.described_to_wire(item)

    async def OpenArchive(self, request: pb.OpenArchiveRequest, context: Any) -> pb.OpenArchiveResponse:
        """Where the bytes of some files of an archive are."""
        caller = user("files:read")
        stream_id = wire.stream_id(request.stream_id) if request.stream_id else None
        job_id = wire.job_id(request.job_id)
        return pb.OpenArchiveResponse(
            urls=await open_archive(self._ctx, caller, job_id, request.file_indexes, stream_id)
        )

    async def CheckCache(self, request: pb.CheckCacheRequest, context: Any) -> pb.CheckCacheResponse:
        """Which of these torrents are stored already."""
        caller = user("jobs:read")
        found = await check_cache(self._ctx, caller, request.info_hashes)
        pairs = zip(request.info_hashes, found, strict=True)
        return pb.CheckCacheResponse(torrents=[wire.cached(text, known) for text, known in pairs])

    async def GetUsage(self, request: pb.GetUsageRequest, context: Any) -> pb.Usage:
        """What the caller holds, and may hold."""
        view = await get_usage(self._ctx, user("me:read"))
        return pb.Usage(
            live_jobs=view.live_jobs,
            reserved_bytes=view.reserved_bytes,
            charged_bytes=view.charged_bytes,
            storage_limit_bytes=view.storage_limit_bytes,
            live_jobs_limit=view.live_jobs_limit,
            running_limit=view.running_limit,
            running=view.running,
            plan=view.plan_id,
            bandwidth_bytes=view.bandwidth_bytes,
            bandwidth_limit_bytes=view.bandwidth_limit_bytes,
            bandwidth_by_day=[pb.DayBandwidth(day=day.isoformat(), bytes=count) for day, count in view.days],
        )
