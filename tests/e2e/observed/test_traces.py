"""One trace from the submit to the last object, and nothing secret in any span."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.e2e.observed.day import Day
from tests.e2e.world import MIB
from tests.otlp import Span

JOBS, AGENTS = "tseeder.jobs.v1.Jobs/", "tseeder.jobs.v1.Agents/"


class Trace:
    """The spans of the job's trace."""

    def __init__(self, spans: list[Span]) -> None:
        self.spans = spans
        self.by_id = {span.id: span for span in spans}

    def one(self, name: str, kind: str = "INTERNAL") -> Span:
        found = self.all(name, kind)
        assert len(found) == 1, f"{name} {kind}: {len(found)} in {Counter((s.name, s.kind) for s in self.spans)}"
        return found[0]

    def all(self, name: str, kind: str = "INTERNAL") -> list[Span]:
        return [span for span in self.spans if (span.name, span.kind) == (name, kind)]

    def path(self, span: Span) -> list[str]:
        """From the root down: service, name and kind of each."""
        steps = [f"{span.service} {span.name} {span.kind}"]
        while span.parent:
            span = self.by_id[span.parent]
            steps.append(f"{span.service} {span.name} {span.kind}")
        return steps[::-1]


@pytest.fixture
async def trace(day: Day) -> Trace:
    await day.spans()
    return Trace(day.receiver.of(day.trace))


SUBMIT = [
    "tseeder-gateway POST /v1/jobs SERVER",
    f"tseeder-gateway {JOBS}Submit CLIENT",
    f"tseeder-jobs {JOBS}Submit SERVER",
]
TRANSFER = [*SUBMIT, "tseeder-agent transfer INTERNAL"]


def test_it_has_one_root_and_no_gaps(trace: Trace) -> None:
    roots = [span for span in trace.spans if not span.parent]
    assert [span.name for span in roots] == ["POST /v1/jobs"]
    assert [span for span in trace.spans if span.parent and span.parent not in trace.by_id] == []
    assert {span.service for span in trace.spans} == {
        f"tseeder-{name}" for name in ("gateway", "auth", "billing", "jobs", "agent")
    }


def test_the_submit(trace: Trace) -> None:
    root = trace.one("POST /v1/jobs", "SERVER")
    assert (root.attributes["http.route"], root.attributes["http.response.status_code"]) == ("/v1/jobs", 202)
    for name in ("parse", "entitlements", "accept"):
        assert trace.path(trace.one(name)) == [*SUBMIT, f"tseeder-jobs {name} INTERNAL"]
    asked = trace.one("tseeder.billing.v1.Plans/GetEntitlements", "SERVER")
    assert trace.path(asked)[-1] == "tseeder-billing tseeder.billing.v1.Plans/GetEntitlements SERVER"
    assert trace.path(asked)[:4] == [*SUBMIT, "tseeder-jobs entitlements INTERNAL"]


def test_the_queue_and_the_ring(trace: Trace) -> None:
    waited = trace.one("transfer queued")
    assert trace.path(waited) == [*SUBMIT, "tseeder-jobs transfer queued INTERNAL"]
    (rung,) = [
        span
        for span in trace.all("publish", "PRODUCER")
        if span.attributes["messaging.destination.name"] == "jobs.available"
    ]
    assert trace.path(rung) == [*SUBMIT, "tseeder-jobs publish PRODUCER"]
    claimed = trace.one("claim", "CONSUMER")
    assert trace.path(claimed) == [*SUBMIT, "tseeder-agent claim CONSUMER"]
    assert claimed.links == ((rung.trace, rung.id),)
    assert waited.attributes["tseeder.agent.id"] == claimed.attributes["tseeder.agent.id"] == "agent-1"


def test_the_transfer(trace: Trace) -> None:
    whole = trace.one("transfer")
    assert trace.path(whole) == TRANSFER
    assert whole.attributes["tseeder.outcome"] == "stored"
    assert (whole.attributes["tseeder.parts"], whole.attributes["tseeder.parts_recorded"]) == (4, 4)
    fetched = trace.one("swarm download")
    assert trace.path(fetched) == [*TRANSFER, "tseeder-agent swarm download INTERNAL"]
    assert "first_piece" in fetched.events
    for name in ("Describe", "Finish"):
        served = trace.all(f"{AGENTS}{name}", "SERVER")[0]
        calls = [f"tseeder-agent {AGENTS}{name} CLIENT", f"tseeder-jobs {AGENTS}{name} SERVER"]
        assert trace.path(served) == [*TRANSFER, *calls]


def test_the_parts(trace: Trace) -> None:
    parts = trace.all("S3/UploadPart", "CLIENT")
    assert {tuple(trace.path(part)) for part in parts} == {(*TRANSFER, "tseeder-agent S3/UploadPart CLIENT")}
    sizes = {part.attributes["aws.s3.part_number"]: part.attributes["http.request.body.size"] for part in parts}
    assert sizes == {1: 5 * MIB, 2: 5 * MIB, 3: MIB}
    small = trace.one("S3/PutObject", "CLIENT")
    assert small.attributes["http.request.body.size"] == 20_000


def test_the_completion(trace: Trace) -> None:
    complete = trace.one("S3/CompleteMultipartUpload", "CLIENT")
    calls = [f"tseeder-agent {AGENTS}CompleteFiles CLIENT", f"tseeder-jobs {AGENTS}CompleteFiles SERVER"]
    above = [*TRANSFER, *calls, "tseeder-jobs complete file INTERNAL"]
    assert trace.path(complete) == [*above, "tseeder-jobs S3/CompleteMultipartUpload CLIENT"]
    outcomes = [span for span in trace.all("write outcome") if span.parent == complete.parent]
    assert [trace.path(span) for span in outcomes] == [[*above, "tseeder-jobs write outcome INTERNAL"]]
    assert trace.by_id[complete.parent].attributes["tseeder.verdict"] == "stored"
    intents = {tuple(trace.path(span)) for span in trace.all("write intents")}
    assert intents == {(*TRANSFER, *calls, "tseeder-jobs write intents INTERNAL")}
    assert complete.ended <= trace.one("transfer").ended


async def test_a_magnets_metadata_is_resolved_in_a_trace_of_its_own(day: Day) -> None:
    resolved = [span for span in await day.spans() if span.name == "resolve metadata" and span.trace != day.trace]
    ours = [Trace(day.receiver.of(span.trace)) for span in resolved]
    told = [trace for trace in ours if trace.all(f"{AGENTS}SubmitMetadata", "SERVER")]
    assert [trace.path(trace.one("resolve metadata")) for trace in told] == [
        [*TRANSFER, "tseeder-agent resolve metadata INTERNAL"]
    ]


async def test_polls_and_heartbeats_make_no_traces(day: Day) -> None:
    spans = await day.spans()
    assert {(span.service, span.kind) for span in spans if not span.parent} == {("tseeder-gateway", "SERVER")}
    assert [span for span in spans if span.name.endswith(("/Heartbeat", "/Claim", "/Register"))] == []


def test_log_lines_name_their_trace(day: Day) -> None:
    for name in ("gateway", "jobs", "agent-1"):
        assert f'"trace_id": "{day.trace}"' in day.logs[name], name


async def test_no_span_says_what_it_may_not(day: Day) -> None:
    spans = await day.spans()
    assert len(spans) > 100
    assert {span.name: leaks for span in spans if (leaks := day.leaks(span.text))} == {}
