"""W3C traceparent: what is taken, what is not, and what a task works for."""

from __future__ import annotations

import asyncio

import pytest

from tseeder_kit.trace_context import (
    TraceContext,
    current_trace,
    current_traceparent,
    parse_traceparent,
    unrecorded,
    unrecorded_inside,
    working_for,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-fe", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"01-{TRACE}-{SPAN}-01-what-comes-later", True),
    ],
)
def test_one_that_is_taken(text: str, sampled: bool) -> None:
    assert parse_traceparent(text) == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01-{'x' * 300}",
    ],
)
def test_one_that_is_none(text: str | None) -> None:
    assert parse_traceparent(text) is None


def test_it_travels_as_it_came() -> None:
    for text in (f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"):
        found = parse_traceparent(text)
        assert found is not None
        assert found.traceparent == text
    assert parse_traceparent(unrecorded().traceparent) is not None


async def test_a_task_works_for_its_starters_span() -> None:
    async def seen() -> str | None:
        return current_traceparent()

    assert current_trace() is None
    context = TraceContext(TRACE, SPAN, sampled=True)
    with working_for(context):
        assert await asyncio.create_task(seen()) == context.traceparent
        with unrecorded_inside():
            assert current_trace() == TraceContext(TRACE, SPAN, sampled=False)
        assert current_trace() == context
    assert current_trace() is None
