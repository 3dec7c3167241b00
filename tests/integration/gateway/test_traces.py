"""Where a trace begins, whose it is, and that a fault names it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI

from tests.integration.gateway.conftest import MakeDoor
from tests.integration.gateway.running import Caller, Door
from tests.otlp import Receiver, Span, recorded
from tseeder_gateway.api import problems
from tseeder_gateway.api.context import RequestContext
from tseeder_gateway.api.route_span import TracePolicy
from tseeder_kit.errors import internal

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
THEIRS = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{SPAN}-00"}


def of_route(receiver: Receiver, name: str = "GET /v1/me") -> list[Span]:
    return [span for span in receiver.spans if span.name == name and span.kind == "SERVER"]


async def test_a_clients_trace_is_linked_to_and_not_gone_on_with(door: Door, user: Caller) -> None:
    async with recorded("gateway") as receiver:
        for headers in (THEIRS, UNSAMPLED, {"traceparent": "00-not-one-01"}, {}):
            assert (await door.call("GET", "/v1/me", user=user, headers=headers)).status == 200
    routes = of_route(receiver)
    assert [span.parent for span in routes] == [""] * 4
    assert [span.links for span in routes] == [((TRACE, SPAN),), ((TRACE, SPAN),), (), ()]
    assert TRACE not in {span.trace for span in routes}
    assert len({span.trace for span in routes}) == 4


async def test_a_trusted_clients_trace_is_gone_on_with_and_its_decision_counts(
    make_door: MakeDoor, user: Caller
) -> None:
    trusting = await make_door(trust_traceparent=True, trace_sample_ratio=0)
    async with recorded("gateway") as receiver:
        for headers in (THEIRS, UNSAMPLED, {}):
            assert (await trusting.call("GET", "/v1/me", user=user, headers=headers)).status == 200
    assert [(span.trace, span.parent) for span in of_route(receiver)] == [(TRACE, SPAN)]
    assert {span.trace for span in receiver.spans} == {TRACE}
    assert any(span.name == "tseeder.auth.v1.Sessions/Exchange" and span.kind == "SERVER" for span in receiver.spans)


async def test_probes_and_preflights(door: Door) -> None:
    async with recorded("gateway") as receiver:
        for path in ("/healthz", "/readyz", "/no/such/route"):
            await door.call("GET", path)
    assert [(span.name, span.attributes["http.response.status_code"]) for span in receiver.spans] == [("GET none", 404)]


def faulty() -> RequestContext:
    app = FastAPI(openapi_url=None)
    problems.install(app)

    @app.get("/raised")
    async def raised() -> None:
        raise RuntimeError("geheim.mkv")

    @app.get("/told")
    async def told() -> None:
        raise internal("worse") from ValueError("geheim.mkv")

    return RequestContext(app, TracePolicy(1.0, trusts_clients=False))


async def ask(app: RequestContext, path: str) -> dict[str, Any]:
    """The problem that it answers."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    head = {"type": "http", "method": "GET", "scheme": "http", "path": path, "raw_path": path.encode()}
    rest = {"query_string": b"", "headers": [], "state": {}, "root_path": "", "http_version": "1.1"}
    await app({**head, **rest}, receive, send)
    problem: dict[str, Any] = json.loads(b"".join(message.get("body", b"") for message in sent))
    return problem


@pytest.mark.parametrize(("path", "code"), [("/raised", "internal"), ("/told", "worse")])
async def test_a_fault_of_ours_names_its_trace_and_nothing_else(path: str, code: str) -> None:
    async with recorded("gateway") as receiver:
        problem = await ask(faulty(), path)
    (span,) = receiver.spans
    assert (problem["status"], problem["code"], problem["details"]) == (500, code, {"trace_id": span.trace})
    assert (span.name, span.attributes["error.type"]) == (f"GET {path}", "500")
    assert "geheim" not in span.text + json.dumps(problem)


async def test_without_traces_a_fault_names_none() -> None:
    assert (await ask(faulty(), "/told"))["details"] == {}
