"""Spans, sent to an OTLP/HTTP receiver. The one module that imports opentelemetry, and only once there is a receiver.

A trace begins at the gateway (`begin`), and nowhere else: `start` and `span` make a span only below another one that is
recorded, so that polls and sweeps make no traces. Without a receiver nothing is recorded and nothing is passed on.

Attributes are named by OpenTelemetry's semantic conventions where there is a name, else `tseeder.*`. None of them may
hold what a log line may not hold: no e-mail address, no file's or torrent's name, no info-hash, no secret.
"""

import random
from asyncio import CancelledError
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from typing import Any, Final, TypeAlias

from tseeder_kit.errors import AppError, Kind
from tseeder_kit.ids import uuid7
from tseeder_kit.span_outbox import SpanOutbox
from tseeder_kit.trace_context import (
    TraceContext,
    current_trace,
    unrecorded,
    unrecorded_inside,
    working_for,
)

Value: TypeAlias = str | bool | int | float | Sequence[str]
Attributes: TypeAlias = Mapping[str, Value]

EXPORT_SECONDS: Final = 5.0
FLUSH_SECONDS: Final = 2.0
"""How long the end of a process waits for the receiver."""
FIRST_RECORDED: Final = 64

_FAULTS: Final = frozenset({Kind.INTERNAL, Kind.UNAVAILABLE, Kind.DEADLINE})
_NANOSECONDS: Final = 1_000_000_000


class Role(StrEnum):
    """OpenTelemetry's SpanKind."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


class _Backend:
    """OpenTelemetry's SDK, as far as it is used; made by `exporting`."""

    def __init__(self, service: str, endpoint: str) -> None:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        self._api = trace
        exporter = OTLPSpanExporter(endpoint.rstrip("/") + "/v1/traces", timeout=EXPORT_SECONDS)
        self.outbox = SpanOutbox(lambda spans: exporter.export(spans).name == "SUCCESS", exporter.shutdown)
        resource = Resource.create(
            {
                "service.namespace": "tseeder",
                "service.name": f"tseeder-{service}",
                "service.instance.id": str(uuid7()),
            }
        )
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        processor: Any = self.outbox
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer("tseeder")

    def start(
        self,
        name: str,
        role: Role,
        parent: TraceContext | None,
        links: Sequence[TraceContext],
        attributes: Attributes | None,
        began: float | None,
    ) -> "Span":
        api = self._api
        above = None if parent is None else api.set_span_in_context(api.NonRecordingSpan(self._remote(parent)))
        recording = self._tracer.start_span(
            name,
            # An empty context: the SDK's own idea of the current span is never set, and must not be asked.
            context=above or {},  # type: ignore[arg-type]  # a Context is a dict
            kind=api.SpanKind[role.value],
            attributes=dict(attributes or {}),
            links=[api.Link(self._remote(link)) for link in links],
            start_time=None if began is None else int(began * _NANOSECONDS),
        )
        made = recording.get_span_context()
        return Span(TraceContext(f"{made.trace_id:032x}", f"{made.span_id:016x}", sampled=True), recording, self)

    def failed(self) -> Any:
        """The status of a span that ended with a fault."""
        return self._api.Status(self._api.StatusCode.ERROR)

    def _remote(self, context: TraceContext) -> Any:
        return self._api.SpanContext(
            int(context.trace_id, 16), int(context.span_id, 16), is_remote=True, trace_flags=self._api.TraceFlags(1)
        )


_backend: _Backend | None = None


class Span:
    """One operation. One that is not recorded takes everything and keeps nothing."""

    __slots__ = ("_backend", "_recording", "context")

    def __init__(self, context: TraceContext | None, recording: Any = None, backend: _Backend | None = None) -> None:
        self.context: Final = context
        self._recording = recording
        self._backend = backend

    @property
    def recorded(self) -> bool:
        """Whether anybody will see it."""
        return self._backend is not None

    def set(self, attributes: Attributes) -> None:
        """More about it."""
        if self._backend is not None:
            self._recording.set_attributes(attributes)

    def event(self, name: str, attributes: Attributes | None = None) -> None:
        """Something that happened in it, now."""
        if self._backend is not None:
            self._recording.add_event(name, attributes)

    def rename(self, name: str) -> None:
        """Its name is known only now."""
        if self._backend is not None:
            self._recording.update_name(name)

    def fail(self, what: str, *, fault: bool = True) -> None:
        """It ended without success: `what` is a code, never a text. `fault`: on this side, not the caller's."""
        if self._backend is not None:
            self._recording.set_attribute("error.type", what)
            if fault:
                self._recording.set_status(self._backend.failed())

    def end(self, exc: BaseException | None = None) -> None:
        """Once. With what it raised, if it did; of an exception only its code or its type is kept."""
        if self._backend is None:
            return
        if isinstance(exc, AppError):
            self.fail(exc.code, fault=exc.kind in _FAULTS)
        elif exc is not None:
            self.fail(type(exc).__name__, fault=not isinstance(exc, CancelledError | GeneratorExit))
        self._recording.end()


@contextmanager
def exporting(service: str, endpoint: str | None) -> Iterator[None]:
    """Records spans while inside, as `tseeder-<service>`, and sends them to `endpoint`, the receiver's base URL.

    Without an endpoint nothing is recorded. Leaving sends what is left, for FLUSH_SECONDS at most, and blocks so long.
    """
    global _backend  # noqa: PLW0603 - one process is one service, and records or does not
    if endpoint is None:
        yield
        return
    backend = _backend = _Backend(service, endpoint)
    try:
        yield
    finally:
        _backend = None
        backend.outbox.close(FLUSH_SECONDS)


def begin(
    name: str,
    *,
    ratio: float,
    role: Role = Role.SERVER,
    parent: TraceContext | None = None,
    link: TraceContext | None = None,
    attributes: Attributes | None = None,
) -> Span:
    """The first span of a trace here: below `parent`, whose decision counts, or a root, recorded for `ratio` of all.

    `link` is somebody else's span that it has to do with, without being below it.
    """
    if _backend is None:
        return Span(None)
    if parent is None and random.random() >= ratio:  # noqa: S311 - it samples, it guards nothing
        return Span(unrecorded())
    if parent is not None and not parent.sampled:
        return Span(parent)
    return _backend.start(name, role, parent, () if link is None else (link,), attributes, None)


def start(
    name: str,
    *,
    role: Role = Role.INTERNAL,
    parent: TraceContext | None = None,
    links: Sequence[TraceContext] = (),
    attributes: Attributes | None = None,
    began: float | None = None,
) -> Span:
    """A span below `parent`, or below the current one. The caller ends it.

    It is recorded only if what it stands below is. `began` (seconds since 1970): it began before now.
    """
    above = parent or current_trace()
    if _backend is None:
        return Span(None)
    if above is None or not above.sampled:
        return Span(above)
    return _backend.start(name, role, above, links, attributes, began)


@contextmanager
def span(
    name: str,
    *,
    role: Role = Role.INTERNAL,
    parent: TraceContext | None = None,
    links: Sequence[TraceContext] = (),
    attributes: Attributes | None = None,
) -> Iterator[Span]:
    """A span as `start` makes it, current while inside; an exception that leaves the block ends it as failed."""
    made = start(name, role=role, parent=parent, links=links, attributes=attributes)
    if made.context is None:
        yield made
        return
    raised: BaseException | None = None
    try:
        with working_for(made.context):
            yield made
    except BaseException as exc:
        raised = exc
        raise
    finally:
        made.end(raised)


class Sparse:
    """Spans of something that may be done very often within one trace: the first 64 of them are recorded, then 32 of
    every doubling (338 of 25,600). What is done inside one that is left out makes no spans either, in no service.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.recorded = 0

    def span(
        self, name: str, *, role: Role = Role.INTERNAL, attributes: Attributes | None = None
    ) -> AbstractContextManager[Span]:
        """The next one."""
        return span(name, role=role, attributes=attributes) if self._takes_next() else _left_out()

    def turn(self) -> AbstractContextManager[None]:
        """The next one, which needs no span of its own: what is done inside makes them, or does not."""
        return nullcontext() if self._takes_next() else unrecorded_inside()

    def _takes_next(self) -> bool:
        self.seen += 1
        every = 1 << max(0, self.seen.bit_length() - FIRST_RECORDED.bit_length() + 1)
        takes = self.seen <= FIRST_RECORDED or self.seen % every == 0
        self.recorded += takes
        return takes


@contextmanager
def _left_out() -> Iterator[Span]:
    with unrecorded_inside():
        yield Span(current_trace())
