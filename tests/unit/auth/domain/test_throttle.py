"""What login throttling counts, and what it says to those who must wait. (How it counts: unit/kit/test_throttle.py.)"""

from datetime import UTC, datetime, timedelta

import pytest

from tseeder_auth.domain.throttle import address_subject, admit
from tseeder_kit.errors import AppError
from tseeder_kit.throttle import Policy, Tally

POLICY = Policy(1, timedelta(seconds=2), timedelta(minutes=15), timedelta(hours=1))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_it_is_refused_until_the_wait_is_over_and_then_it_is_not() -> None:
    blocked = admit(POLICY, Tally(0, NOW, None), NOW)
    with pytest.raises(AppError) as caught:
        admit(POLICY, blocked, NOW + timedelta(seconds=0.5))
    assert caught.value.code == "login_throttled"
    assert caught.value.details == {"retry_after_seconds": "2"}
    assert admit(POLICY, blocked, NOW + timedelta(seconds=2)).failures == 2


def test_addresses_are_one_by_network() -> None:
    assert address_subject("203.0.113.7") == address_subject("::ffff:203.0.113.7")
    assert address_subject("2001:db8::1") == address_subject("2001:db8::ffff:1")
    distinct = {address_subject(text) for text in ("203.0.113.7", "203.0.113.8", "2001:db8:0:1::1", "2001:db8::1", "?")}
    assert len(distinct) == 5
