"""Which trace this task works for, as W3C Trace Context has it (https://www.w3.org/TR/trace-context/)."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final

TRACEPARENT: Final = "traceparent"
"""Its name in HTTP headers, gRPC metadata and NATS headers."""

_FORM: Final = re.compile(r"(?P<version>[0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?P<more>-.*)?")
_SAMPLED: Final = 0x01
_LONGEST: Final = 256


@dataclass(frozen=True, slots=True)
class TraceContext:
    """One span of one trace: ids in lower-case hex (32 and 16 digits), and whether the trace is recorded."""

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        """As it travels: 55 characters."""
        return f"00-{self.trace_id}-{self.span_id}-{_SAMPLED if self.sampled else 0:02x}"


_current: ContextVar[TraceContext | None] = ContextVar("tseeder_trace", default=None)


def parse_traceparent(text: str | None) -> TraceContext | None:
    """What somebody sent, or None where it is none. Of a version to come, what version 00 has of it is taken."""
    match = _FORM.fullmatch(text) if text and len(text) <= _LONGEST else None
    if match is None or match["version"] == "ff" or (match["version"] == "00" and match["more"]):
        return None
    trace_id, span_id, flags = match[2], match[3], int(match[4], 16)
    if not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceContext(trace_id, span_id, bool(flags & _SAMPLED))


def unrecorded() -> TraceContext:
    """A new trace that nobody records: its id only ties log lines together."""
    return TraceContext(secrets.token_hex(16), secrets.token_hex(8), sampled=False)


def current_trace() -> TraceContext | None:
    """The span that this task works for; None where there is none, and wherever traces are off."""
    return _current.get()


def current_traceparent() -> str | None:
    """`current_trace` as it travels."""
    context = _current.get()
    return None if context is None else context.traceparent


def enter_trace(context: TraceContext | None) -> None:
    """From now on this task, and those that it starts, work for `context`: for a task of one request only."""
    _current.set(context)


@contextmanager
def working_for(context: TraceContext | None) -> Iterator[None]:
    """As `enter_trace`, while inside."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def unrecorded_inside() -> Iterator[None]:
    """What is done inside, here and in the services that it calls, makes no spans."""
    context = _current.get()
    with working_for(None if context is None else replace(context, sampled=False)):
        yield
