"""A real OTLP/HTTP receiver of traces on loopback."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from tseeder_kit.tracing import exporting


@dataclass(frozen=True)
class Span:
    """One span as it came in; ids in hex, `parent` "" for a root."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    links: tuple[tuple[str, str], ...]
    attributes: dict[str, Any]
    events: tuple[str, ...]
    began: int
    ended: int
    text: str = field(repr=False)  # all of it, with its resource, to search in


@dataclass
class Receiver:
    """What came in, oldest first."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)

    def of(self, trace: str) -> list[Span]:
        """The spans of one trace."""
        return [span for span in self.spans if span.trace == trace]

    async def handle(self, request: web.Request) -> web.Response:
        """POST /v1/traces."""
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        export = ExportTraceServiceRequest.FromString(body)
        for group in export.resource_spans:
            resource = _values(group.resource.attributes)
            for scope in group.scope_spans:
                self.spans += [_span(resource, each) for each in scope.spans]
        return web.Response(content_type="application/x-protobuf")


def _span(resource: dict[str, Any], wire: WireSpan) -> Span:
    return Span(
        service=resource["service.name"],
        name=wire.name,
        kind=WireSpan.SpanKind.Name(wire.kind).removeprefix("SPAN_KIND_"),
        trace=wire.trace_id.hex(),
        id=wire.span_id.hex(),
        parent=wire.parent_span_id.hex(),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in wire.links),
        attributes=_values(wire.attributes),
        events=tuple(event.name for event in wire.events),
        began=wire.start_time_unix_nano,
        ended=wire.end_time_unix_nano,
        text=f"{resource} {wire}",
    )


def _values(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: AnyValue) -> Any:
    return getattr(value, value.WhichOneof("value") or "string_value")


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver that listens while the context is open."""
    receiver = Receiver()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/traces", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def recorded(service: str) -> AsyncIterator[Receiver]:
    """The spans that this process makes, as `service`; complete once it is left."""
    async with receiving() as receiver:
        opened = ExitStack()
        opened.enter_context(exporting(service, receiver.url))
        try:
            yield receiver
        finally:
            await asyncio.to_thread(opened.close)  # it waits for the receiver, which lives on this loop
