"""What NATS says about jobs that somebody looks at: one pair of subscriptions a job, however many look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from google.protobuf.message import DecodeError

from tseeder import subjects
from tseeder.agent.v1.progress_pb2 import Progress
from tseeder_bus import Bus, Messages
from tseeder_gateway.domain.believable import is_believable
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter

QUIET_SECONDS: Final = 10.0
"""Agents speak every second. Whoever was silent for so long has no say in whom we hear next: a job that was resumed, or
whose magnet turned out to be a known torrent, has another transfer, which counts its leases from 1 again."""

_log = get_logger(__name__)
_unreadable = counter("gateway_progress_unreadable", "Progress messages that could not be read, or be true")


class Watcher:
    """What one stream has not seen yet. Nothing is queued: of progress only the newest counts, of changes the fact."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.changed = False
        self.closed = False
        self._progress: Progress | None = None

    def ring(self) -> None:
        """The job has changed."""
        self.changed = True
        self.wake.set()

    def offer(self, progress: Progress) -> None:
        """Newer progress; what was not taken is forgotten."""
        self._progress = progress
        self.wake.set()

    def take_progress(self) -> Progress | None:
        """The newest progress that was not taken before."""
        progress, self._progress = self._progress, None
        return progress

    def close(self) -> None:
        """The stream is to end: its client has left, or the gateway stops."""
        self.closed = True
        self.wake.set()


class _Topic:
    def __init__(self) -> None:
        self.watchers: set[Watcher] = set()
        self.last: Progress | None = None
        self.heard_at = 0.0
        self.standing = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class JobTopics:
    """The jobs that are looked at through this gateway."""

    def __init__(self, bus: Bus, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._bus = bus
        self._quiet_seconds = quiet_seconds
        self._topics: dict[str, _Topic] = {}
        self._closed = False

    @asynccontextmanager
    async def watch(self, job_id: str) -> AsyncIterator[tuple[Watcher, Progress | None]]:
        """A watcher, and the last progress that was heard. If NATS is there, nothing that it says later is missed."""
        topic = self._topics.get(job_id)
        if topic is None:
            topic = self._topics[job_id] = _Topic()
            topic.task = asyncio.create_task(self._listen(job_id, topic), name="job-topic")
        watcher = Watcher()
        topic.watchers.add(watcher)
        try:
            await topic.standing.wait()
            if self._closed:
                watcher.close()
            yield watcher, topic.last
        finally:
            topic.watchers.discard(watcher)
            if not topic.watchers and self._topics.get(job_id) is topic:
                del self._topics[job_id]
                await _end(topic.task)

    def close(self) -> None:
        """Ends all streams, and those to come: the gateway stops."""
        self._closed = True
        for topic in self._topics.values():
            for watcher in topic.watchers:
                watcher.close()

    def __len__(self) -> int:
        return len(self._topics)

    async def _listen(self, job_id: str, topic: _Topic) -> None:
        try:
            async with AsyncExitStack() as stack:
                changes = await stack.enter_async_context(self._bus.listen(subjects.job_changed(job_id), max_pending=1))
                progress = await stack.enter_async_context(
                    self._bus.listen(subjects.job_progress(job_id), max_pending=1)
                )
                topic.standing.set()
                async with asyncio.TaskGroup() as group:
                    group.create_task(_hear_progress(progress, topic, job_id, self._quiet_seconds))
                    await _hear_changes(changes, topic)
        finally:
            topic.standing.set()


async def _hear_changes(messages: Messages, topic: _Topic) -> None:
    async for _ in messages:
        for watcher in topic.watchers:
            watcher.ring()


async def _hear_progress(messages: Messages, topic: _Topic, job_id: str, quiet_seconds: float) -> None:
    time = asyncio.get_running_loop().time
    async for message in messages:
        progress = Progress()
        try:
            progress.ParseFromString(message.data)
        except DecodeError:
            _unreadable.inc()
            continue
        speaker = topic.last if time() - topic.heard_at < quiet_seconds else None
        if progress.job_id != job_id or not is_believable(progress, speaker):
            _unreadable.inc()
            continue
        topic.last, topic.heard_at = progress, time()
        for watcher in topic.watchers:
            watcher.offer(progress)


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is None:
        return
    task.cancel()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(outcome, Exception):
        # Its streams went on by reading again from time to time.
        _log.error("job_topic_failed", exc_info=outcome)
