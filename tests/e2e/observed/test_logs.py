"""What the services logged over the day, at log level debug."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.observed.day import Day


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_every_line_is_json_with_its_keys(day: Day) -> None:
    for name, text in day.logs.items():
        strange = [line for line in text.splitlines() if not line.startswith("{")]
        assert strange == [], name
        for line in lines(text):
            assert {"ts", "level", "service", "event", "logger"} <= set(line), (name, line)


def test_they_were_logged_at_debug(day: Day) -> None:
    assert {line["level"] for text in day.logs.values() for line in lines(text)} >= {"debug", "info"}


def test_nothing_failed_inside(day: Day) -> None:
    bad = [line for text in day.logs.values() for line in lines(text) if line["level"] in ("error", "critical")]
    assert bad == []


def test_nothing_secret_is_in_them(day: Day) -> None:
    found = {name: day.leaks(text) for name, text in day.logs.items()}
    assert {name: leaks for name, leaks in found.items() if leaks} == {}


def test_the_search_finds_what_is_there(day: Day) -> None:
    """The same search, on what services would have said."""
    said = f"peer asked for {day.private.info_hash.upper()} of {day.world.ann.email} by {day.world.ann.key}"
    assert len(day.leaks(said)) >= 4
