"""What a listener holds: a bounded queue that forgets its oldest messages, since a doorbell needs no memory."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from tseeder_kit.telemetry import counter
from tseeder_kit.trace_context import TraceContext

_dropped = counter("bus_messages_dropped", "Messages dropped because their listener was slow")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: the subject that it was sent to, its bytes, and the span that it was rung in, if it was in one."""

    subject: str
    data: bytes
    trace: TraceContext | None = None


class Messages(AsyncIterator[Message]):
    """The messages of one `listen`, oldest first; for one consumer. The iteration ends when the `listen` is left."""

    def __init__(self, subject: str, max_pending: int) -> None:
        self.subject: Final = subject
        self.dropped = 0
        self._pending: deque[Message] = deque(maxlen=max_pending)
        self._arrived = asyncio.Event()
        self._closed = False

    def offer(self, message: Message) -> None:
        """Takes a message in; when full, the oldest one goes and is counted."""
        if self._closed:
            return
        if len(self._pending) == self._pending.maxlen:
            self.dropped += 1
            _dropped.inc()
        self._pending.append(message)
        self._arrived.set()

    def close(self) -> None:
        """Ends the iteration; what is pending is dropped."""
        self._closed = True
        self._pending.clear()
        self._arrived.set()

    async def __anext__(self) -> Message:
        while not self._pending:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._pending.popleft()
