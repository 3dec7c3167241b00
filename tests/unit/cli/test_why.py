"""What `tseeder why` shows of a diagnosis."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.unit.cli.wires import JOB_ID, Script, client
from tseeder_cli import screen
from tseeder_cli.verbs.why import show

AT = "2026-11-20T10:00:00Z"
SWARM: dict[str, Any] = {
    "peers": 2,
    "seeds": 0,
    "candidates": 3,
    "banned_peers": 1,
    "received_bytes": 4096,
    "wasted_bytes": 1024,
    "failed_pieces": 1,
    "missing_pieces": 7,
    "quiet_seconds": 75.5,
    "trackers": [
        {"url": "http://t.example/key", "state": "refuses", "message": "[bold]no\x1b[31m\nway", "fails": 3},
    ],
    "dht_nodes": 0,
    "download_rate": 0,
    "upload_rate": 0,
}
BARE: dict[str, Any] = {
    "job_id": JOB_ID,
    "state": "downloading",
    "verdict": "trackers_refuse",
    "message": "Its trackers refuse it.",
    "advice": "Add another tracker.",
    "since": AT,
    "queue": None,
    "swarm": None,
    "swarm_seen_at": None,
    "quota": None,
    "attempts": [],
    "attempts_spent": 1,
    "attempts_allowed": 5,
    "retry_at": None,
}


def shown(capsys: pytest.CaptureFixture[str], **changes: Any) -> str:
    screen.out.cache_clear()
    try:
        show({**BARE, **changes})  # type: ignore[typeddict-item]
    finally:
        screen.out.cache_clear()
    return capsys.readouterr().out


def test_the_verdict_comes_first_and_what_is_not_known_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys).splitlines()
    assert lines[0].startswith("trackers_refuse  downloading, since ")
    assert lines[1:] == ["Its trackers refuse it.", "Add another tracker."]


def test_the_swarm_and_its_trackers_whose_words_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, swarm=SWARM, swarm_seen_at=AT)
    assert "2 connected, 0 with all of it, 3 more known, 1 banned" in text
    assert "4.0 KiB, of which 1.0 KiB useless" in text
    assert "7 pieces" in text
    (tracker,) = [line for line in text.splitlines() if "t.example" in line]
    assert "refuses" in tracker
    assert "[bold]no" in tracker
    assert "way" in tracker
    assert "\x1b" not in text


def test_the_queue_the_quota_and_the_attempts(capsys: pytest.CaptureFixture[str]) -> None:
    queue = {
        "own_ahead": 2,
        "own_running": 1,
        "running_limit": 4,
        "agents_alive": 3,
        "agents_taking": 0,
        "disk_needed_bytes": 1024,
        "largest_agent_disk_bytes": 2048,
    }
    attempt = {"epoch": 1, "started_at": AT, "ended_at": AT, "outcome": "released"}
    attempt |= {"reason": {"code": "metadata_timeout", "message": "No peer told."}}
    quota = {"held_bytes": 900, "limit_bytes": 1000}
    text = shown(capsys, queue=queue, quota=quota, attempts=[attempt], retry_at="2026-11-20T10:01:00Z")
    for part in ("1 of 4", "3 there, 0 with a free place", "900 of 1000 B held", "attempts (1 of 5 spent)"):
        assert part in text
    assert "No peer told." in text
    assert "tried again by itself at 2026-11-20T10:01:00Z" in text


async def test_it_asks_once() -> None:
    script = Script([httpx.Response(200, json=BARE)])
    async with client(script) as http:
        assert (await http.diagnosis(JOB_ID))["verdict"] == "trackers_refuse"
    (sent,) = script.requests
    assert (sent.method, sent.url.path) == ("GET", f"/v1/jobs/{JOB_ID}/diagnosis")
