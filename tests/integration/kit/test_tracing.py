"""Spans to a real receiver, to one that is away, and to none."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pytest

from tests.otlp import receiving
from tseeder_kit.errors import not_found, unavailable
from tseeder_kit.span_outbox import MAX_WAITING, SpanOutbox
from tseeder_kit.telemetry import exposition
from tseeder_kit.trace_context import TraceContext, current_trace
from tseeder_kit.tracing import Role, Sparse, begin, exporting, span, start

CLIENT = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True)


@asynccontextmanager
async def recording(url: str) -> AsyncIterator[None]:
    """As a process does it; leaving blocks, and the receiver of these tests lives on this loop."""
    opened = ExitStack()
    opened.enter_context(exporting("toy", url))
    try:
        yield
    finally:
        await asyncio.to_thread(opened.close)


def counted(outcome: str) -> float:
    found = re.search(rf'^tseeder_trace_spans_total{{outcome="{outcome}"}} (\S+)$', exposition().decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_spans_arrive_when_the_process_ends_with_all_that_they_say() -> None:
    async with receiving() as receiver:
        before = counted("sent")
        async with recording(receiver.url):
            root = begin("root", ratio=1.0, link=CLIENT, attributes={"http.request.method": "GET"})
            assert root.context is not None
            with span("child", role=Role.CLIENT, parent=root.context) as child:
                child.event("happened", {"n": 1})
                assert current_trace() == child.context
            root.rename("GET /things")
            root.end()
        made = {each.name: each for each in receiver.spans}
        assert set(made) == {"GET /things", "child"}
        top, below = made["GET /things"], made["child"]
        assert (top.service, top.kind, top.parent) == ("tseeder-toy", "SERVER", "")
        assert top.links == ((CLIENT.trace_id, CLIENT.span_id),)
        assert top.trace != CLIENT.trace_id
        assert (below.trace, below.parent, below.kind) == (top.trace, top.id, "CLIENT")
        assert below.events == ("happened",)
        assert counted("sent") == before + 2


async def test_of_an_error_the_code_is_told_and_no_text() -> None:
    async with receiving() as receiver:
        async with recording(receiver.url):
            root = begin("root", ratio=1.0)
            for number, error in enumerate(
                (not_found("no_film", "geheim.mkv"), unavailable("away", "x"), ValueError("geheim.mkv"))
            ):
                with pytest.raises(type(error)), span(f"try {number}", parent=root.context):
                    raise error
        made = {each.name: each for each in receiver.spans}
        kinds = {name: each.attributes["error.type"] for name, each in made.items()}
        assert kinds == {"try 0": "no_film", "try 1": "away", "try 2": "ValueError"}
        assert {name: "STATUS_CODE_ERROR" in each.text for name, each in made.items()} == {
            "try 0": False,
            "try 1": True,
            "try 2": True,
        }
        assert not [each for each in receiver.spans if "geheim" in each.text]


async def test_nothing_begins_but_at_a_root_and_what_is_not_sampled_is_not_recorded() -> None:
    async with receiving() as receiver:
        async with recording(receiver.url):
            with span("a poll") as poll:
                assert (poll.recorded, current_trace()) == (False, None)
            left_out = begin("root", ratio=0.0)
            assert left_out.context is not None
            assert not left_out.context.sampled
            with span("child", parent=left_out.context):
                assert current_trace() == left_out.context
            kept = begin("theirs", ratio=0.0, parent=CLIENT)
            kept.end()
        assert [(each.name, each.trace, each.parent) for each in receiver.spans] == [
            ("theirs", CLIENT.trace_id, CLIENT.span_id)
        ]


async def test_what_repeats_is_thinned_out_with_all_that_is_done_inside() -> None:
    async with receiving() as receiver:
        async with recording(receiver.url):
            root = begin("root", ratio=1.0)
            often, turns = Sparse(), Sparse()
            with span("transfer", parent=root.context):
                for _ in range(25_600):
                    with often.span("part"):
                        start("call").end()
                for _ in range(130):
                    with turns.turn():
                        start("turn").end()
        names = [each.name for each in receiver.spans]
        assert (often.seen, often.recorded) == (25_600, 338)
        assert names.count("part") == names.count("call") == 338
        assert names.count("turn") == turns.recorded == 64 + 32


async def test_without_a_receiver_nothing_is_made_or_passed_on() -> None:
    with exporting("toy", None):
        root = begin("root", ratio=1.0, parent=CLIENT)
        assert (root.recorded, root.context) == (False, None)
        with span("child", parent=CLIENT) as child:
            child.set({"a": 1})
            assert current_trace() is None


async def test_a_receiver_that_is_away_costs_spans_and_nothing_else() -> None:
    with socket.socket() as held:  # bound, and not listening
        held.bind(("127.0.0.1", 0))
        gone = counted("dropped_away") + counted("dropped_late")
        async with recording(f"http://127.0.0.1:{held.getsockname()[1]}"):
            for _ in range(3):
                begin("root", ratio=1.0).end()
        assert counted("dropped_away") + counted("dropped_late") == gone + 3


async def test_a_queue_that_is_full_drops_what_comes() -> None:
    asked, may_go = threading.Event(), threading.Event()
    sent: list[int] = []

    def send(batch: object) -> bool:
        asked.set()
        may_go.wait(30)
        sent.append(len(batch))  # type: ignore[arg-type]  # a sequence of spans
        return True

    outbox = SpanOutbox(send, lambda: None)
    outbox.on_end("the one that is being sent")
    await asyncio.to_thread(asked.wait, 30)
    before = counted("dropped_full")
    for _ in range(MAX_WAITING + 5):
        outbox.on_end("span")
    assert counted("dropped_full") == before + 5
    may_go.set()
    await asyncio.to_thread(outbox.close, 30.0)
    assert sum(sent) == 1 + MAX_WAITING


@pytest.mark.parametrize(
    ("module", "in_vain"),
    [
        # FastAPI itself imports opentelemetry's API, which is small.
        ("tseeder_gateway.main", ("opentelemetry.sdk", "requests", "jwt", "cryptography", "asyncpg", "botocore")),
        ("tseeder_agent.main", ("opentelemetry", "requests", "jwt", "cryptography", "asyncpg")),
        ("tseeder_jobs.main", ("opentelemetry", "requests")),
    ],
)
def test_a_service_imports_nothing_of_it_before_it_has_a_receiver(module: str, in_vain: tuple[str, ...]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert set(in_vain) & set(found.stdout.split()) == set()
