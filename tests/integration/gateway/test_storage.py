"""Operators and object storage: by REST, and by the command."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.auth.running import eventually
from tests.integration.gateway.running import Caller, Door
from tests.integration.jobs.playing import agents_s3
from tseeder_kit.ids import object_key

STORAGE, CLEANUP = "/v1/admin/storage", "/v1/admin/storage/cleanup"
WHY: dict[str, Any] = {"reason": "left over from the migration", "ticket_id": "OPS-17"}
OLD = "1600000000"
"""When an object was written, as rclone takes it from who writes it."""


@pytest.fixture
async def left(door: Door) -> AsyncIterator[str]:
    """The key of an old object of 3 bytes that no row has, and no sweep deletes."""
    server, key = door.upstream.jobs.world.s3, object_key()
    async with agents_s3(replace(server, agent=server.jobs)) as s3:
        await s3.put_object(Bucket=server.bucket, Key=key, Body=b"abc", Metadata={"mtime": OLD})
        yield key
        await s3.delete_object(Bucket=server.bucket, Key=key)


async def cleaned(door: Door, user: Caller, **body: Any) -> dict[str, dict[str, Any]]:
    """By kind, what was found on all pages."""
    found: dict[str, dict[str, Any]] = {}
    cursor: str | None = ""
    while cursor is not None:
        sent = {**body, **({"cursor": cursor} if cursor else {})}
        answer = await door.call("POST", CLEANUP, user=user, json=sent)
        assert answer.status == 200, answer
        found |= {each["kind"]: each for each in answer.json["reports"]}
        cursor = answer.json["next_cursor"]
    return found


async def test_leftovers_are_told_and_dealt_with_when_it_is_said(door: Door, operator: Caller, left: str) -> None:
    for body in ({}, {"dry_run": True, "unknown_objects": True}, {"dry_run": False, **WHY}):
        found = await cleaned(door, operator, **body)
        assert set(found) == {"orphan_objects", "lost_objects", "stray_uploads"}
        orphans = found["orphan_objects"]
        assert (orphans["found"], orphans["found_bytes"], orphans["mended"]) == (1, 3, 0)
        assert orphans["examples"] == [left]
    applied = await cleaned(door, operator, dry_run=False, unknown_objects=True, **WHY)
    assert applied["orphan_objects"]["mended"] == 1
    assert (await cleaned(door, operator))["orphan_objects"]["found"] == 0
    audit = (await door.call("GET", "/v1/admin/audit?action=storage.clean", user=operator)).json["items"]
    assert {(each["target"], each["outcome"], each["reason"]) for each in audit} == {("storage", "done", WHY["reason"])}
    assert {each["details"]["unknown_objects"] for each in audit} == {True, False}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "reason_required"),
        ({"reason": WHY["reason"]}, "ticket_required"),
        ({**WHY, "reason": " " * 20}, "reason_required"),
        ({**WHY, "cursor": "forged"}, "bad_cursor"),
        ({**WHY, "everything": True}, "invalid_request"),
    ],
)
async def test_without_a_reason_nothing_is_deleted(
    door: Door, operator: Caller, left: str, body: dict[str, Any], code: str
) -> None:
    sent = {"dry_run": False, "unknown_objects": True, **body}
    answer = await door.call("POST", CLEANUP, user=operator, json=sent)
    assert (answer.status, answer.code) == (400, code)
    assert (await cleaned(door, operator))["orphan_objects"]["examples"] == [left]


async def test_totals_and_reports_are_shown(door: Door, operator: Caller, support: Caller, user: Caller) -> None:
    async def counted() -> bool:
        shown = (await door.call("GET", STORAGE, user=support)).json
        kinds = {each["kind"] for each in shown["reports"] if each["ended_at"]}
        return shown["totals"] is not None and kinds == {"lost_objects", "orphan_objects", "stray_uploads"}

    await eventually(counted)
    answer = await door.call("POST", CLEANUP, user=support, json={})
    assert (answer.status, answer.code) == (403, "scope_missing")
    assert (await door.call("GET", STORAGE, user=user)).status == 403


async def test_the_command_shows_and_cleans(door: Door, operator: Caller, left: str, tmp_path: Path) -> None:
    async def tseeder(*arguments: str) -> tuple[int, str]:
        """The exit status of the command, and what it printed."""
        key = operator.headers["Authorization"].removeprefix("Bearer ")
        named = {"TSEEDER_URL": door.url, "TSEEDER_API_KEY": key, "XDG_CONFIG_HOME": str(tmp_path), "COLUMNS": "300"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tseeder_cli", "admin", "storage", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            stdin=asyncio.subprocess.DEVNULL,
            env={**{name: value for name, value in os.environ.items() if not name.startswith("TSEEDER_")}, **named},
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode or 0, said.decode()

    status, said = await tseeder()
    assert (status, "stored" in said) == (0, True), said
    status, said = await tseeder("cleanup")
    assert (status, left in said, "nothing was changed" in said) == (0, True, True), said
    status, said = await tseeder("cleanup", "--apply", "--unknown")
    assert (status, "--reason" in said) == (2, True), said
    why = ("--reason", WHY["reason"], "--ticket", WHY["ticket_id"])
    status, said = await tseeder("cleanup", "--apply", "--unknown", *why, "--json")
    assert status == 0, said
    assert {each["kind"]: each["mended"] for each in json.loads(said)}["orphan_objects"] == 1
    status, said = await tseeder("cleanup")
    assert (status, left in said) == (0, False), said
