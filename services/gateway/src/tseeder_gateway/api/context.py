"""What surrounds every request: its id, its span, limits on its head, headers of every answer, metrics, one line of
log."""

from __future__ import annotations

import time
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tseeder_gateway.api.problems import problem
from tseeder_gateway.api.route_span import TracePolicy, finish
from tseeder_gateway.api.server import ClientGoneError, close_after_answer
from tseeder_gateway.domain.header_values import request_id
from tseeder_kit.ids import uuid7
from tseeder_kit.logging import bind_request, get_logger
from tseeder_kit.telemetry import counter, gauge, histogram
from tseeder_kit.trace_context import working_for
from tseeder_kit.tracing import Span

MAX_HEAD_BYTES: Final = 32 * 1024
MAX_HEADERS: Final = 100
AT_END: Final = "at_end"
"""Of a request's state: what is called when it is answered, however that went."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET_ROUTES: Final = frozenset({"/healthz", "/readyz"})

_requests = counter("gateway_requests", "Requests answered", ("method", "route", "status"))
_seconds = histogram("gateway_request_seconds", "Time to the end of an answer", ("method", "route"))
_running = gauge("gateway_requests_running", "Requests that are being answered")
_log = get_logger(__name__)


class RequestContext:
    """The outermost ASGI application."""

    def __init__(self, app: ASGIApp, traces: TracePolicy) -> None:
        self._app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        number = request_id(sent.decode("latin-1")) or str(uuid7())
        scope["state"]["request_id"] = number
        answer = _Answer(scope, send, number)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        span = self._traces.begin(scope, method)
        began = time.perf_counter()
        _running.inc()
        with bind_request(number), working_for(span.context):
            try:
                await self._serve(scope, receive, answer)
            finally:
                _running.dec()
                for end in scope["state"].get(AT_END, ()):
                    end()
                _report(scope, method, answer, span, time.perf_counter() - began)

    async def _serve(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        if _is_head_too_large(scope):
            close_after_answer(scope)
            response = problem(
                431, "headers_too_large", "The request's headers are too large.", request_id=answer.request_id
            )
            await response(scope, receive, answer.send)
            return
        try:
            await self._app(scope, receive, answer.send)
        except ClientGoneError as exc:
            answer.outcome = str(exc)
        except Exception as exc:
            if not answer.complete:
                raise
            # The handler for defects has answered and logged it; the server above it lets it out all the same.
            answer.outcome = type(exc).__name__


class _Answer:
    """Adds what every answer carries, and remembers what became of it."""

    def __init__(self, scope: Scope, send: Send, number: str) -> None:
        self.request_id = number
        self.status = 0
        self.complete = False
        self.outcome = ""
        self._scope = scope
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), *self._headers(message)]}
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.complete = True

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        present = {name for name, _ in message.get("headers", ())}
        added = [(b"x-request-id", self.request_id.encode("ascii"))]
        if b"x-content-type-options" not in present:
            added.append((b"x-content-type-options", b"nosniff"))
        if b"cache-control" not in present:
            added.append((b"cache-control", b"no-store"))
        if self._scope["state"].get("close_connection"):
            added.append((b"connection", b"close"))
        return added


def _is_head_too_large(scope: Scope) -> bool:
    headers = scope["headers"]
    if len(headers) > MAX_HEADERS:
        return True
    return (
        len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(name) + len(value) for name, value in headers)
        > MAX_HEAD_BYTES
    )


def _report(scope: Scope, method: str, answer: _Answer, span: Span, seconds: float) -> None:
    """Labels and log lines name the route's template, never the path: ids and texts stay out of both."""
    route: Any = scope.get("route")
    template = str(getattr(route, "path", "none"))
    _requests.labels(method, template, str(answer.status)).inc()
    _seconds.labels(method, template).observe(seconds)
    if template not in _QUIET_ROUTES:
        _log.info(
            "request_answered",
            method=method,
            route=template,
            status=answer.status,
            seconds=round(seconds, 4),
            **({"outcome": answer.outcome} if answer.outcome else {}),
        )
    finish(span, method, template, answer.status, answer.outcome)
