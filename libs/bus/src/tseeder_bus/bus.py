"""One connection to NATS that comes back by itself, for rings and listeners that never wait for it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error, MaxPayloadError

from tseeder_bus.messages import Message, Messages
from tseeder_kit.errors import unavailable
from tseeder_kit.logging import get_logger
from tseeder_kit.loops import pauses, supervise
from tseeder_kit.telemetry import counter, gauge
from tseeder_kit.trace_context import TRACEPARENT, current_trace, parse_traceparent
from tseeder_kit.tracing import Role, span

CONNECT_SECONDS: Final = 3.0
PING_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 2.0
# A server that is frozen or cut off is given up after two of these without an answer.
KEEPALIVE_SECONDS: Final = 5
# What may wait for a server that does not read; past it rings are dropped. The client would block at the second.
MAX_UNSENT_BYTES: Final = 1024 * 1024
_CLIENT_BUFFER_BYTES: Final = 8 * MAX_UNSENT_BYTES

_SUBJECT: Final = re.compile(r"[^\s.]+(\.[^\s.]+)*")
# What the client raises while the server is away, half there, or going.
_AWAY: Final = (Error, OSError, TimeoutError, EOFError)

_rings = counter("bus_rings", "Messages rung, and those dropped because NATS was away", ("outcome",))
_up = gauge("bus_connected", "1 while there is a connection to NATS")
_log = get_logger(__name__)


@asynccontextmanager
async def connect(url: str, *, name: str) -> AsyncIterator["Bus"]:
    """A bus, at once, whether NATS is there or not; it connects and reconnects in the background for ever.

    `url` is `nats://[user:password@]host:port`, or several, separated by commas; `name` is shown by NATS' monitoring.
    """
    bus = Bus(url, name)
    async with supervise(bus.keep_connected):
        yield bus


class Bus:
    """Made by `connect`."""

    def __init__(self, url: str, name: str) -> None:
        self._servers = [server.strip() for server in url.split(",")]
        self._name = name
        self._client: Client | None = None
        self._standing: dict[Messages, tuple[Client, Subscription] | None] = {}
        self._subscribing = asyncio.Lock()

    @property
    def connected(self) -> bool:
        """Whether there is a connection right now."""
        return self._client is not None and self._client.is_connected

    async def ping(self) -> None:
        """Raises UNAVAILABLE `bus_unavailable` unless NATS answers within a second; the readiness check."""
        client = self._client
        if client is None or not client.is_connected:
            raise unavailable("bus_unavailable", "NATS cannot be reached at the moment.")
        try:
            async with asyncio.timeout(PING_SECONDS):
                await client.flush()
        except _AWAY as exc:
            raise unavailable("bus_unavailable", "NATS does not answer at the moment.") from exc

    async def ring(self, subject: str, payload: bytes = b"") -> None:
        """Sends a message, or drops it if NATS is away or does not read: it never waits and never raises for that.

        A subject that is none, or a payload larger than NATS takes, is the caller's mistake: ValueError. What is rung
        in a recorded trace carries it in the header `traceparent`.
        """
        _check_subject(subject)
        trace = current_trace()
        if trace is None or not trace.sampled:
            await self._ring(subject, payload, None)
            return
        destination = {"messaging.system": "nats", "messaging.destination.name": subject}
        operation = {"messaging.operation.name": "publish", "messaging.operation.type": "send"}
        with span("publish", role=Role.PRODUCER, attributes={**destination, **operation}) as rung:
            await self._ring(subject, payload, {TRACEPARENT: (rung.context or trace).traceparent})

    async def _ring(self, subject: str, payload: bytes, headers: dict[str, str] | None) -> None:
        client = self._client
        if client is None or not client.is_connected or client.pending_data_size > MAX_UNSENT_BYTES:
            _rings.labels("dropped").inc()
            return
        try:
            await client.publish(subject, payload, headers=headers)
        except MaxPayloadError as exc:
            raise ValueError(f"{len(payload)} bytes are more than NATS takes") from exc
        except _AWAY:
            _rings.labels("dropped").inc()
        else:
            _rings.labels("sent").inc()

    @asynccontextmanager
    async def listen(self, subject: str, *, max_pending: int = 1024) -> AsyncIterator[Messages]:
        """Messages to `subject` (wildcards `*` and `>`) while inside; over outages, too, but what came then is lost.

        If NATS is there, the subscription stands when the block is entered. At most `max_pending` messages wait for a
        slow consumer; older ones are dropped and counted. ValueError if `subject` is none.
        """
        _check_subject(subject)
        messages = Messages(subject, max_pending)
        self._standing[messages] = None
        try:
            if self._client is not None:
                await self._subscribe(self._client, messages)
                await self._confirm(self._client)
            yield messages
        finally:
            messages.close()
            await _unsubscribe(self._standing.pop(messages))

    async def keep_connected(self) -> None:
        """Connects, restores the subscriptions, waits for the connection to end, and begins again; for ever."""
        next_pause = pauses(0.05, LONGEST_PAUSE_SECONDS)
        outage_is_told = False
        while True:
            # A client per connection: what the library keeps over its own reconnects is one more thing to go wrong.
            ended = asyncio.Event()
            client = Client()
            try:
                await self._open(client, ended)
                _raise_if_cancelled()
                next_pause = pauses(0.05, LONGEST_PAUSE_SECONDS)
                outage_is_told = False
                _log.info("bus_connected")
                await ended.wait()
                _log.warning("bus_connection_lost")
            except _AWAY as exc:
                if not outage_is_told:
                    _log.warning("bus_away", cause=type(exc).__name__)
                    outage_is_told = True
            finally:
                self._client = None
                _up.set(0)
                await _hang_up(client)
            _raise_if_cancelled()
            await asyncio.sleep(next_pause())

    async def _open(self, client: Client, ended: asyncio.Event) -> None:
        async def on_closed() -> None:
            ended.set()

        async with asyncio.timeout(CONNECT_SECONDS):
            await client.connect(
                self._servers,
                name=self._name,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=2,
                ping_interval=KEEPALIVE_SECONDS,
                max_outstanding_pings=1,
                pending_size=_CLIENT_BUFFER_BYTES,
                closed_cb=on_closed,
                error_cb=_on_error,
            )
        self._client = client
        _up.set(1)
        for messages in list(self._standing):
            await self._subscribe(client, messages)
        await self._confirm(client)

    async def _subscribe(self, client: Client, messages: Messages) -> None:
        """Puts a listener on a connection, unless it stands there already or has left meanwhile."""

        async def take(msg: Msg) -> None:
            trace = parse_traceparent(msg.headers.get(TRACEPARENT)) if msg.headers else None
            messages.offer(Message(msg.subject, msg.data, trace))

        # `listen` and a new connection may both want to; the second one finds it done.
        async with self._subscribing:
            standing = self._standing.get(messages)
            if messages not in self._standing or (standing is not None and standing[0] is client):
                return
            try:
                self._standing[messages] = (client, await client.subscribe(messages.subject, cb=take))
            except _AWAY as exc:
                _log.info("bus_subscribe_postponed", cause=type(exc).__name__)

    async def _confirm(self, client: Client) -> None:
        """Waits until the server has seen all that was sent; if it does not answer, the next connection makes up."""
        try:
            async with asyncio.timeout(PING_SECONDS):
                await client.flush()
        except _AWAY as exc:
            _log.info("bus_subscribe_unconfirmed", cause=type(exc).__name__)


def _raise_if_cancelled() -> None:
    """The client swallows a cancellation that meets it while it connects: it says "no servers", or is connected."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _check_subject(subject: str) -> None:
    # Here and not by the client alone, so that a mistake shows also while NATS is away.
    if not _SUBJECT.fullmatch(subject):
        raise ValueError(f"{subject!r} is no subject")


async def _unsubscribe(standing: tuple[Client, Subscription] | None) -> None:
    if standing is None:
        return
    try:
        await standing[1].unsubscribe()
    except _AWAY as exc:
        # The connection that it stood on is gone, and the subscription with it.
        _log.debug("bus_unsubscribe_moot", cause=type(exc).__name__)


async def _hang_up(client: Client) -> None:
    if client.is_closed:
        return
    try:
        async with asyncio.timeout(PING_SECONDS):
            if client.is_connected:
                await client.flush()  # rings that were just sent
            await client.close()
    except _AWAY as exc:
        _log.debug("bus_close_failed", cause=type(exc).__name__)


async def _on_error(error: Exception) -> None:
    _log.debug("bus_error", cause=type(error).__name__)
