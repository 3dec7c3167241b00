"""One JSON line a record, whoever wrote it, and no local variables in it."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from tseeder_kit.logging import bind_request, current_request_id, formatter, get_logger, log_fields


class Lines:
    def __init__(self) -> None:
        self.stream = io.StringIO()

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def last(self) -> dict[str, Any]:
        return self.all()[-1]


@pytest.fixture
def lines() -> Iterator[Lines]:
    caught = Lines()
    handler = logging.StreamHandler(caught.stream)
    handler.setFormatter(formatter("jobs"))
    logger = logging.getLogger("log_test")
    logger.addHandler(handler)
    logger.setLevel("INFO")
    logger.propagate = False
    yield caught
    logger.removeHandler(handler)


log = get_logger("log_test")


def test_our_lines_have_time_level_service_event_and_fields(lines: Lines) -> None:
    log.info("transfer_claimed", transfer_id=UUID(int=7), size_bytes=3, name="ü")
    line = lines.last()
    assert list(line)[:4] == ["ts", "level", "service", "event"]
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "service": "jobs",
        "event": "transfer_claimed",
        "logger": "log_test",
        "transfer_id": "00000000-0000-0000-0000-000000000007",
        "size_bytes": 3,
        "name": "ü",
    }


def test_a_librarys_lines_look_the_same(lines: Lines) -> None:
    logging.getLogger("log_test").warning("slow: %d ms", 12, extra={"peer": "x"})
    line = lines.last()
    assert (line["level"], line["service"], line["event"], line["peer"]) == ("warning", "jobs", "slow: 12 ms", "x")


def test_levels_are_kept(lines: Lines) -> None:
    log.debug("chatter")
    assert lines.all() == []


def test_the_request_id_and_fields_are_added_and_taken_away(lines: Lines) -> None:
    with bind_request("r-1"), log_fields(job_id="j-1"):
        log.info("inside")
        assert current_request_id() == "r-1"
    log.info("outside")
    inside, outside = lines.all()
    assert (inside["request_id"], inside["job_id"]) == ("r-1", "j-1")
    assert "request_id" not in outside
    assert "job_id" not in outside
    assert current_request_id() is None


async def test_tasks_have_request_ids_of_their_own() -> None:
    async def one(request_id: str) -> str | None:
        bind_request(request_id)
        await asyncio.sleep(0)
        return current_request_id()

    ids = await asyncio.gather(*(asyncio.create_task(one(f"r-{n}")) for n in range(3)))
    assert ids == ["r-0", "r-1", "r-2"]
    assert current_request_id() is None


def test_exceptions_are_structured_without_locals(lines: Lines) -> None:
    def fail() -> None:
        password = "hunter" + "2"
        raise ValueError(f"{len(password)} characters")

    try:
        fail()
    except ValueError as exc:
        log.warning("failed", exc_info=exc)
    line = lines.last()
    assert line["exception"][0]["exc_type"] == "ValueError"
    assert line["exception"][0]["frames"][-1]["name"] == "fail"
    assert "hunter2" not in json.dumps(line)


def test_secrets_stay_hidden(lines: Lines) -> None:
    log.info("read", token=SecretStr("hunter2"))
    assert "hunter2" not in lines.stream.getvalue()


def test_a_newline_does_not_break_the_line(lines: Lines) -> None:
    log.info("first\nsecond", text="a\r\nb")
    assert len(lines.all()) == 1


def test_what_stands_in_a_row_that_postgres_complains_of_is_not_told(lines: Lines) -> None:
    text = "duplicate key value\nDETAIL:  Key (email)=(ann@example.org) already exists."
    try:
        try:
            raise ValueError(text)
        except ValueError as exc:
            raise RuntimeError("could not write") from exc
    except RuntimeError as exc:
        log.exception("failed")
        log.warning("failed_in_a_group", exc_info=ExceptionGroup("several", [exc]))
    alone, grouped = lines.all()
    assert [each["exc_value"] for each in alone["exception"]] == ["could not write", "duplicate key value"]
    assert "duplicate key value" in json.dumps(grouped)
    assert "ann@example.org" not in json.dumps([alone, grouped])
