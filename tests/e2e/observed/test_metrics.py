"""/metrics of each service against docs/reference/metrics.md, and labels that nobody can make up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.generators import ROOT
from scripts.generators.metrics import PATH, SERVICES
from tests.e2e.observed.day import Day
from tests.e2e.waiting import wait_for
from tseeder_stack.options import kind_of

# Each label's values are bounded by the code, or by an operator (plan, reader). A new one: say here that it is so.
LABELS = {
    "action",
    "answer",
    "call",
    "code",
    "kid",
    "kind",
    "loop",
    "method",
    "outcome",
    "plan",
    "provider",
    "reader",
    "reason",
    "route",
    "source",
    "state",
    "status",
    "sweep",
    "why",
    "worker",
}
UNITS = ("_seconds", "_bytes", "_total", "_events", "_transfers", "_streams")
DIMENSIONLESS = {
    "tseeder_agent_transfers",
    "tseeder_auth_identity_key",
    "tseeder_auth_password_hash_places",
    "tseeder_bus_connected",
    "tseeder_identity_keys",
    "tseeder_jobs_ffprobe_works",
    "tseeder_gateway_requests_running",
    "tseeder_jobs_leases",
    "tseeder_jobs_storage_up",
    "tseeder_pg_pool_in_use",
    "tseeder_rpc_server_in_flight",
}
WANTED = {  # of the day: each must have counted
    "gateway": ("gateway_requests_total", "gateway_request_seconds_count", "gateway_content_bytes_total"),
    "jobs": (
        "rpc_server_seconds_count",
        "jobs_claim_wait_seconds_count",
        "jobs_submit_to_stored_seconds_count",
        "jobs_s3_seconds_count",
        "pg_pool_wait_seconds_count",
        "jobs_claims_total",
        "event_loop_lag_seconds_count",
    ),
    "agent-1": ("agent_s3_bytes_total", "agent_swarm_received_bytes_total", "trace_spans_total"),
}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{32}", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """One of the table."""

    name: str
    kind: str
    labels: tuple[str, ...]
    services: tuple[str, ...]
    help_text: str


def documented() -> dict[str, Row]:
    rows = {}
    for line in (Path(ROOT) / PATH).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].startswith("`tseeder_"):
            name, kind, labels, of, help_text = cells
            services = SERVICES if of == "all" else tuple(of.split(", "))
            rows[name.strip("`")] = Row(
                name.strip("`"), kind, tuple(re.findall(r"`(\w+)`", labels)), services, help_text
            )
    return rows


def exposed(text: str) -> dict[str, tuple[str, str]]:
    """Type and help of each metric of ours."""
    kinds = dict(re.findall(r"^# TYPE (tseeder_\w+) (\w+)$", text, re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (tseeder_\w+) (.*)$", text, re.MULTILINE))
    return {name: (kind, helps[name]) for name, kind in kinds.items()}


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for line in text.splitlines():
        match = re.fullmatch(r"(tseeder_\w+)(?:\{(.*)\})? (\S+)", line)
        if match:
            yield match[1], dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or "")), float(match[3])


async def test_each_service_has_those_of_the_docs_and_no_other(day: Day) -> None:
    rows = documented()
    for name, text in (await day.metrics()).items():
        wanted = {row.name: (row.kind, row.help_text) for row in rows.values() if kind_of(name) in row.services}
        assert exposed(text) == wanted, name


async def test_labels_are_of_the_list_and_hold_no_ids(day: Day) -> None:
    rows = documented()
    assert {label for row in rows.values() for label in row.labels} - LABELS == set()
    for name, text in (await day.metrics()).items():
        for metric, labels, _ in samples(text):
            row = rows.get(metric) or rows[re.sub(r"_(bucket|sum|count)$", "", metric)]
            assert set(labels) - {"le"} == set(row.labels), (name, metric)
            assert not [value for value in labels.values() if UUID.search(value) or "@" in value], (
                name,
                metric,
                labels,
            )


def test_names_are_prometheus_names() -> None:
    for row in documented().values():
        assert row.name.endswith(UNITS) or row.name in DIMENSIONLESS, row.name
        assert (row.kind == "counter") is row.name.endswith("_total"), row.name
        assert row.kind != "histogram" or row.name.endswith(("_seconds", "_bytes")), row.name


async def test_what_happened_was_counted(day: Day) -> None:
    """Some of it is counted once a second."""
    missing: list[str] = []

    async def all_of_it() -> bool:
        missing[:] = not_counted(day, await day.metrics())
        return not missing

    try:
        await wait_for(all_of_it, "everything is counted", timeout=10)
    except AssertionError as error:
        raise AssertionError(f"{error}: {missing}") from None


def not_counted(day: Day, found: dict[str, str]) -> list[str]:
    sums: dict[str, float] = {}
    for name, text in found.items():
        for metric, _, value in samples(text):
            sums[f"{name} {metric}"] = sums.get(f"{name} {metric}", 0.0) + value
    wrong = [key for name, each in WANTED.items() for metric in each if not sums.get(key := f"{name} tseeder_{metric}")]
    files = [*day.private.files, *day.public.files]
    if sums["agent-1 tseeder_agent_s3_bytes_total"] != sum(file.size for file in files):
        wrong.append("agent_s3_bytes_total")
    if sums["agent-1 tseeder_agent_swarm_received_bytes_total"] < day.private.total_size + day.public.total_size:
        wrong.append("agent_swarm_received_bytes_total")
    return wrong


async def test_routes_are_templates(day: Day) -> None:
    text = (await day.metrics())["gateway"]
    routes = {labels["route"] for _, labels, _ in samples(text) if "route" in labels}
    assert {"/v1/jobs", "/v1/jobs/{job_id}", "/v1/files/{file_id}/content", "none"} <= routes
    assert {route for route in routes if not route.startswith(("/", "none"))} == set()


async def test_nothing_secret_is_in_them(day: Day) -> None:
    assert {name: leaks for name, text in (await day.metrics()).items() if (leaks := day.leaks(text))} == {}
