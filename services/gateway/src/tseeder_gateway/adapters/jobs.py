"""jobs: the caller's jobs, files and usage. Another user's id is NOT_FOUND there, and is passed on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import cast

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder.jobs.v1.jobs_pb2_grpc import JobsStub
from tseeder_rpc import Caller, use_identity


class Jobs:
    """Every method takes the caller's identity token first, and raises AppError as jobs meant it."""

    def __init__(self, caller: Caller, *, seconds: float, submit_seconds: float, archive_seconds: float) -> None:
        self._stub = JobsStub(caller.channel)
        self._seconds = seconds
        self._submit_seconds = submit_seconds
        self._archive_seconds = archive_seconds

    async def submit(self, identity: str, request: pb.SubmitRequest) -> pb.SubmitResponse:
        """Answers after jobs has committed."""
        with use_identity(identity):
            return await self._stub.Submit(request, timeout=self._submit_seconds)

    async def get_job(self, identity: str, job_id: str) -> model.Job:
        """One job."""
        with use_identity(identity):
            return await self._stub.GetJob(pb.GetJobRequest(job_id=job_id), timeout=self._seconds)

    async def list_jobs(
        self, identity: str, *, states: Sequence[model.JobState.ValueType], text: str, cursor: str, limit: int
    ) -> pb.ListJobsResponse:
        """Jobs, newest first."""
        request = pb.ListJobsRequest(states=states, text=text, cursor=cursor, limit=limit)
        with use_identity(identity):
            return await self._stub.ListJobs(request, timeout=self._seconds)

    async def delete_job(self, identity: str, job_id: str) -> None:
        """Gives a job and its files up for good."""
        with use_identity(identity):
            await self._stub.DeleteJob(pb.DeleteJobRequest(job_id=job_id), timeout=self._seconds)

    async def cancel_job(self, identity: str, job_id: str) -> model.Job:
        """Ends the wish."""
        with use_identity(identity):
            return await self._stub.CancelJob(pb.CancelJobRequest(job_id=job_id), timeout=self._seconds)

    async def pause_job(self, identity: str, job_id: str) -> model.Job:
        """Suspends the wish."""
        with use_identity(identity):
            return await self._stub.PauseJob(pb.PauseJobRequest(job_id=job_id), timeout=self._seconds)

    async def resume_job(self, identity: str, job_id: str) -> model.Job:
        """Takes a paused wish up again."""
        with use_identity(identity):
            return await self._stub.ResumeJob(pb.ResumeJobRequest(job_id=job_id), timeout=self._seconds)

    async def retry_job(self, identity: str, job_id: str) -> model.Job:
        """Starts the next run of a job that ended without its files."""
        with use_identity(identity):
            return await self._stub.RetryJob(pb.RetryJobRequest(job_id=job_id), timeout=self._seconds)

    async def set_selection(self, identity: str, job_id: str, selection: model.Selection | None) -> model.Job:
        """Replaces the selection; None is every file."""
        request = pb.SetSelectionRequest(job_id=job_id, selection=selection)
        with use_identity(identity):
            return await self._stub.SetSelection(request, timeout=self._seconds)

    async def update_job(
        self,
        identity: str,
        job_id: str,
        *,
        name: str | None,
        priority: model.JobPriority.ValueType,
        primary_file_id: str | None,
    ) -> model.Job:
        """Calls a job `name` ("" is the torrent's own), gives it a priority and a main file ("" is the largest); None
        and unspecified: as it is."""
        request = pb.UpdateJobRequest(job_id=job_id, name=name, priority=priority, primary_file_id=primary_file_id)
        with use_identity(identity):
            return await self._stub.UpdateJob(request, timeout=self._seconds)

    async def diagnose_job(self, identity: str, job_id: str) -> pb.Diagnosis:
        """Why a job is where it is."""
        with use_identity(identity):
            return await self._stub.DiagnoseJob(pb.DiagnoseJobRequest(job_id=job_id), timeout=self._seconds)

    async def list_files(self, identity: str, request: pb.ListFilesRequest) -> pb.ListFilesResponse:
        """Files of one job; without a job, of all jobs, newest first."""
        with use_identity(identity):
            return await self._stub.ListFiles(request, timeout=self._seconds)

    async def list_folder(
        self, identity: str, job_id: str, *, folder: str, cursor: str, limit: int
    ) -> pb.ListFolderResponse:
        """What is directly in a folder of a job: folders, then files, in natural order."""
        request = pb.ListFolderRequest(job_id=job_id, folder=folder, cursor=cursor, limit=limit)
        with use_identity(identity):
            return await self._stub.ListFolder(request, timeout=self._seconds)

    async def get_file(self, identity: str, file_id: str) -> model.File:
        """One file."""
        with use_identity(identity):
            return await self._stub.GetFile(pb.GetFileRequest(file_id=file_id), timeout=self._seconds)

    async def probe_file(self, identity: str, file_id: str) -> model.File:
        """One file, with its media facts if they can be had now."""
        with use_identity(identity):
            return await self._stub.ProbeFile(pb.ProbeFileRequest(file_id=file_id), timeout=self._seconds)

    async def delete_file(self, identity: str, file_id: str) -> None:
        """Gives one file up for good."""
        with use_identity(identity):
            await self._stub.DeleteFile(pb.DeleteFileRequest(file_id=file_id), timeout=self._seconds)

    async def open_read(self, identity: str, file_id: str, *, offset: int, stream_id: str) -> pb.OpenReadResponse:
        """Where the file's bytes can be had from `offset` on, now; with a `stream_id`, for a reader who counts."""
        request = pb.OpenReadRequest(file_id=file_id, offset=offset, stream_id=stream_id)
        with use_identity(identity):
            return await self._stub.OpenRead(request, timeout=self._seconds)

    async def end_read(self, identity: str, stream_id: str, sent_bytes: int) -> None:
        """That reader is done, and got so much."""
        request = pb.EndReadRequest(stream_id=stream_id, sent_bytes=sent_bytes)
        with use_identity(identity):
            await self._stub.EndRead(request, timeout=self._seconds)

    def describe_archive(
        self, identity: str, request: pb.DescribeArchiveRequest
    ) -> AsyncGenerator[pb.DescribeArchiveResponse, None]:
        """What an archive is made of: the header, then entries."""
        with use_identity(identity):
            stream = self._stub.DescribeArchive(request, timeout=self._archive_seconds)
        return cast("AsyncGenerator[pb.DescribeArchiveResponse, None]", stream)

    async def open_archive(
        self, identity: str, job_id: str, file_indexes: Sequence[int], *, stream_id: str
    ) -> Sequence[str]:
        """Where the bytes of these files of an archive are, in this order."""
        request = pb.OpenArchiveRequest(job_id=job_id, file_indexes=file_indexes, stream_id=stream_id)
        with use_identity(identity):
            return (await self._stub.OpenArchive(request, timeout=self._seconds)).urls

    async def check_cache(self, identity: str, info_hashes: Sequence[str]) -> Sequence[pb.CachedTorrent]:
        """What is stored of these torrents, in this order."""
        request = pb.CheckCacheRequest(info_hashes=info_hashes)
        with use_identity(identity):
            return (await self._stub.CheckCache(request, timeout=self._seconds)).torrents

    async def get_usage(self, identity: str) -> pb.Usage:
        """What the caller uses of his plan."""
        with use_identity(identity):
            return await self._stub.GetUsage(pb.GetUsageRequest(), timeout=self._seconds)
