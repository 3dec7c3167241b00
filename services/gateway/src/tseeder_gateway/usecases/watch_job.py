"""One client that watches one job: the state as it is, then what is newer, until it ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tseeder.agent.v1.progress_pb2 import Progress
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_gateway.adapters.job_topics import Watcher
from tseeder_gateway.adapters.jobs import Jobs
from tseeder_gateway.domain.access import Access
from tseeder_kit.clock import now
from tseeder_kit.errors import AppError, Kind, not_found
from tseeder_kit.tracing import Sparse

ENDED: Final = frozenset(
    {
        model.JOB_STATE_COMPLETED,
        model.JOB_STATE_FAILED,
        model.JOB_STATE_CANCELLED,
        model.JOB_STATE_EXPIRED,
    }
)
_IDENTITY_MARGIN_SECONDS: Final = 5.0
_AGAIN_SECONDS: Final = 2.0  # after a look at the job that failed
_AT_ONCE: Final = 5
"""Reads without a gap between them: a short job has no more changes, and its client waits for the last."""


@dataclass(frozen=True)
class Snapshot:
    """The whole state; `progress` is the last that was heard here, if any was."""

    job: model.Job
    progress: Progress | None


@dataclass(frozen=True)
class Changed:
    """A newer version of the job."""

    job: model.Job


@dataclass(frozen=True)
class Advanced:
    """Newer progress."""

    progress: Progress


@dataclass(frozen=True)
class Ended:
    """The last event: there is nothing more to watch. `reason` is the job's final state, or why not any more."""

    reason: Literal["completed", "failed", "cancelled", "expired", "deleted", "unauthenticated", "forbidden"]


@dataclass(frozen=True)
class Ping:
    """Nothing happened; the connection lives."""


JobEvent: TypeAlias = Snapshot | Changed | Advanced | Ended | Ping

_GONE: Final[dict[Kind, Literal["deleted", "unauthenticated", "forbidden"]]] = {
    Kind.NOT_FOUND: "deleted",
    Kind.UNAUTHENTICATED: "unauthenticated",
    Kind.FORBIDDEN: "forbidden",
}


@dataclass(frozen=True)
class Timing:
    """Seconds: between two looks at the job, between two at the caller's right, between pings, between two reads where
    many follow each other, without authority at most."""

    reread: float
    recheck: float
    ping: float
    gap: float
    blind: float


class WatchJob:
    """`watcher` must have been subscribed before `job` was read, so that nothing falls between the two.

    A lost message costs `timing.reread` seconds at most: the job is read again that often. The caller's right is asked
    anew every `timing.recheck` seconds, which the identities that are remembered make cheap. What is away (auth, jobs,
    NATS) is waited for; a right that could not be asked for `timing.blind` seconds ends the stream without an Ended,
    and the client comes back.
    """

    def __init__(
        self,
        jobs: Jobs,
        authorize: Callable[[], Awaitable[Access]],
        watcher: Watcher,
        timing: Timing,
        *,
        access: Access,
    ) -> None:
        self._jobs = jobs
        self._authorize = authorize
        self._watcher = watcher
        self._timing = timing
        self._access = access
        self._reads = Sparse()
        self._time = asyncio.get_running_loop().time
        self._authorized_at = began = self._time()
        self._paid_until = began + timing.gap  # what was read so far takes so long, a gap each (GCRA)
        self._next_reread = began + self._reread_pause()
        self._next_check = began + timing.recheck
        self._next_ping = began + timing.ping

    async def events(
        self, job: model.Job, progress: Progress | None, seen: int | None
    ) -> AsyncGenerator[JobEvent, None]:
        """From `job` on. A client that has `seen` this very version gets no snapshot again."""
        if seen != job.version:
            yield Snapshot(job, progress)
        elif progress is not None:
            yield Advanced(progress)
        while job.state not in ENDED:
            await self._wait()
            if self._watcher.closed:
                return
            advanced = self._watcher.take_progress()
            if advanced is not None:
                yield Advanced(advanced)
            if self._is_read_due() or self._time() >= self._next_check:
                found = await self._look(job)
                if isinstance(found, Ended):
                    yield found
                    return
                if found is None:
                    return
                if found.version > job.version:
                    job = found
                    yield Changed(job)
            if self._time() >= self._next_ping:
                self._next_ping = self._time() + self._timing.ping
                yield Ping()
        yield Ended(_reason(job.state))

    async def _wait(self) -> None:
        """Until there is something to tell, or to look at."""
        until = min(self._next_reread, self._next_check, self._next_ping)
        if self._watcher.changed:
            until = min(until, self._next_read)
        try:
            async with asyncio.timeout_at(until):
                await self._watcher.wake.wait()
        except TimeoutError:
            return
        self._watcher.wake.clear()

    @property
    def _next_read(self) -> float:
        """When the job may be read because it has changed."""
        return self._paid_until - (_AT_ONCE - 1) * self._timing.gap

    def _is_read_due(self) -> bool:
        current = self._time()
        return current >= self._next_reread or (self._watcher.changed and current >= self._next_read)

    async def _look(self, known: model.Job) -> model.Job | Ended | None:
        """The job as far as it is known now; Ended if it is gone, or the caller's right to it; None to give up."""
        try:
            with self._reads.turn():  # a stream may live for days, and its trace must not grow with it
                await self._check()
                return await self._read(known) if self._is_read_due() else known
        except AppError as exc:
            if exc.kind in _GONE:
                return Ended(_GONE[exc.kind])
            if self._time() - self._authorized_at > self._timing.blind:
                return None
            self._watcher.changed = False
            self._next_reread = self._time() + _AGAIN_SECONDS
            self._pay()
            return known

    async def _check(self) -> None:
        """Asks for the caller's right anew, where that is due or his identity is about to end."""
        left = (self._access.expires_at - now()).total_seconds()
        if self._time() < min(self._next_check, self._next_reread) and left > _IDENTITY_MARGIN_SECONDS:
            return
        self._next_check = self._time() + self._timing.recheck
        access = await self._authorize()
        if access.user_id != self._access.user_id:
            raise not_found("job_not_found", "There is no such job.")
        self._access = access
        self._authorized_at = self._time()

    async def _read(self, known: model.Job) -> model.Job:
        self._watcher.changed = False
        if self._time() >= self._next_reread:
            self._next_reread = self._time() + self._reread_pause()
        try:
            return await self._jobs.get_job(self._access.identity, known.job_id)
        finally:
            self._pay()

    def _pay(self) -> None:
        self._paid_until = max(self._paid_until, self._time()) + self._timing.gap

    def _reread_pause(self) -> float:
        """A little less or more, so that streams that began together do not ask together for ever."""
        return self._timing.reread * random.uniform(0.9, 1.0)  # noqa: S311 - it spreads load


def _reason(state: model.JobState.ValueType) -> Literal["completed", "failed", "cancelled", "expired"]:
    match state:
        case model.JOB_STATE_COMPLETED:
            return "completed"
        case model.JOB_STATE_FAILED:
            return "failed"
        case model.JOB_STATE_CANCELLED:
            return "cancelled"
        case _:
            return "expired"
