"""Ids sort by time and are UUIDv7; keys and tokens are chance; clocks are what they say."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tseeder_kit.clock import boottime, now
from tseeder_kit.ids import object_key, random_token, uuid7


def test_ids_ascend_strictly_and_are_version_7() -> None:
    ids = [uuid7() for _ in range(20_000)]
    assert ids == sorted(set(ids))
    assert {each.version for each in ids} == {7}
    assert {each.variant for each in ids} == {"specified in RFC 4122"}


def test_an_id_holds_its_time() -> None:
    made_ms = uuid7().int >> 80
    assert abs(made_ms - time.time() * 1000) < 2_000


def test_ids_never_go_back_with_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    before = uuid7()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert uuid7() > before


def test_tokens_and_object_keys_differ_and_are_safe_in_urls() -> None:
    tokens = {random_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 43 and token.replace("-", "").replace("_", "").isalnum() for token in tokens)
    key = object_key()
    assert len(key) == 41
    assert key != object_key()
    assert set(key) <= set("0123456789abcdef/")


def test_now_is_aware_and_utc() -> None:
    assert abs(now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert now().utcoffset() == timedelta(0)


def test_boottime_ascends() -> None:
    first = boottime()
    assert boottime() >= first > 0
