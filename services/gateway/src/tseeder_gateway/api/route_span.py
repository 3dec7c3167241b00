"""The span of a request: where a trace begins, or a client's goes on if clients are trusted with that.

By default they are not (docs/decisions/0006-traces.md): a client could have all its requests recorded, and write its
spans into anybody's trace. Its own span is then a link of a new trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

from tseeder_kit.trace_context import TRACEPARENT, TraceContext, parse_traceparent
from tseeder_kit.tracing import Span, begin

_UNTRACED: Final = frozenset({"/healthz", "/readyz"})
_HEADER: Final = TRACEPARENT.encode("ascii")
_FAULT: Final = 500


@dataclass(frozen=True, slots=True)
class TracePolicy:
    """`ratio` of the requests are recorded; `trusts_clients`: their `traceparent` is gone on with."""

    ratio: float
    trusts_clients: bool

    def begin(self, scope: Scope, method: str) -> Span:
        """The span of a request, which is named once its route is known."""
        if scope["path"] in _UNTRACED:
            return Span(None)
        client = _of_client(scope)
        trusted = client if self.trusts_clients else None
        return begin(
            method,
            ratio=self.ratio,
            parent=trusted,
            link=None if trusted else client,
            attributes={"http.request.method": method, "url.scheme": str(scope["scheme"])},
        )


def finish(span: Span, method: str, template: str, status: int, outcome: str) -> None:
    """The request is answered, with `status`; 0: nobody was there to be answered."""
    span.rename(f"{method} {template}")
    span.set({"http.route": template, **({"http.response.status_code": status} if status else {})})
    if status >= _FAULT:
        span.fail(str(status))
    elif outcome:
        span.fail(outcome, fault=False)
    span.end()


def _of_client(scope: Scope) -> TraceContext | None:
    sent = next((value for name, value in scope["headers"] if name == _HEADER), None)
    return None if sent is None else parse_traceparent(sent.decode("latin-1"))
