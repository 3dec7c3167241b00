"""Request ids, idempotency keys, event ids."""

from __future__ import annotations

import pytest

from tseeder_gateway.domain.header_values import idempotency_key, last_event_id, request_id
from tseeder_kit.errors import AppError


@pytest.mark.parametrize("sent", ["01a1f8b5-2825-728a-81b6-9320f137115c", "abcdefgh", "A.b_c-9" * 10])
def test_a_sound_request_id_is_kept(sent: str) -> None:
    assert request_id(sent) == sent


@pytest.mark.parametrize("sent", [None, "", "short", "x" * 129, "abcdefgh\n", "abc defgh", 'abcdefg"', "äbcdefgh"])
def test_any_other_is_replaced(sent: str | None) -> None:
    assert request_id(sent) is None


@pytest.mark.parametrize("sent", ["a", "!~", "x" * 255, "550e8400-e29b-41d4-a716-446655440000"])
def test_an_idempotency_key_is_visible_ascii(sent: str) -> None:
    assert idempotency_key(sent) == sent


def test_without_one_there_is_none() -> None:
    assert idempotency_key(None) == ""


@pytest.mark.parametrize("sent", ["", "x" * 256, "a b", "ä", "a\tb", "\x7f"])
def test_any_other_key_is_refused(sent: str) -> None:
    with pytest.raises(AppError) as caught:
        idempotency_key(sent)
    assert caught.value.code == "idempotency_key_invalid"


@pytest.mark.parametrize(
    ("sent", "expected"), [("7", 7), (" 7 ", 7), (None, None), ("", None), ("-1", None), ("x", None), ("9" * 30, None)]
)
def test_the_last_event_id_is_a_version(sent: str | None, expected: int | None) -> None:
    assert last_event_id(sent) == expected
