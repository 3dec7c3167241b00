"""Grants: what jobs has signed, and nothing else."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tseeder_jobs.domain.grants import CHARS, Grant, signed, verified
from tseeder_kit.errors import AppError

KEY, NOW = b"k" * 32, datetime(2026, 11, 28, 12, tzinfo=UTC)
GRANT = Grant(UUID(int=7), UUID(int=8), NOW + timedelta(hours=12))


def refused(text: str, key: bytes = KEY, now: datetime = NOW) -> None:
    with pytest.raises(AppError) as told:
        verified(text, key, now)
    assert told.value.code == "content_url_expired"


def test_what_was_signed_is_read_back_until_it_expires() -> None:
    text = signed(GRANT, KEY)
    assert len(text) == CHARS
    assert verified(text, KEY, NOW) == GRANT
    refused(text, now=GRANT.expires_at)
    refused(text, key=b"K" * 32)


@pytest.mark.parametrize(
    "text", ["", "a", "é" * CHARS, "-" * CHARS, "=" * CHARS, signed(GRANT, KEY) + "=", " " * CHARS]
)
def test_what_is_none(text: str) -> None:
    refused(text)


@given(st.integers(0, 71), st.integers(1, 255))
def test_no_bit_may_change(at: int, by: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(signed(GRANT, KEY)))
    raw[at] ^= by
    refused(base64.urlsafe_b64encode(raw).decode())


def test_another_users_signature_is_not_this_ones() -> None:
    mine, others = (
        base64.urlsafe_b64decode(signed(each, KEY)) for each in (GRANT, replace(GRANT, user_id=UUID(int=9)))
    )
    refused(base64.urlsafe_b64encode(mine[:40] + others[40:]).decode())
