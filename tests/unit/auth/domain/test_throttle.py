"""The arithmetic of login throttling."""

from datetime import UTC, datetime, timedelta

import pytest

from tseeder_auth.domain.throttle import Policy, Tally, address_subject, admit, take_back
from tseeder_kit.errors import AppError

POLICY = Policy(3, timedelta(seconds=1), timedelta(minutes=15), timedelta(hours=1))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NONE = Tally(0, NOW, None)


def failed(times: int) -> Tally:
    """After so many failures in a row, each as soon as it was allowed."""
    tally = NONE
    for _ in range(times):
        tally = admit(POLICY, tally, max(NOW, tally.blocked_until or NOW))
    return tally


def test_waits_double_up_to_the_cap_and_no_further() -> None:
    waits = [POLICY.wait_after(n).total_seconds() for n in range(16)]
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    assert POLICY.wait_after(10**6) == timedelta(minutes=15)


def test_it_is_refused_until_the_wait_is_over_and_then_it_is_not() -> None:
    blocked = failed(4)
    assert blocked.blocked_until == blocked.last_at + timedelta(seconds=2)
    for early, seconds in ((0.0, "2"), (0.5, "2"), (1.5, "1"), (1.999, "1")):
        with pytest.raises(AppError) as caught:
            admit(POLICY, blocked, blocked.last_at + timedelta(seconds=early))
        assert caught.value.details == {"retry_after_seconds": seconds}
    assert admit(POLICY, blocked, blocked.last_at + timedelta(seconds=2)).failures == 5


def test_quiet_is_forgiveness() -> None:
    tally = admit(POLICY, failed(12), NOW + timedelta(days=1))
    assert (tally.failures, tally.blocked_until) == (1, None)


def test_a_good_try_takes_back_itself_and_no_more() -> None:
    assert take_back(POLICY, failed(2)).failures == 1
    assert take_back(POLICY, failed(3)).blocked_until is None
    later = failed(6)
    assert take_back(POLICY, later).blocked_until == later.blocked_until
    assert take_back(POLICY, NONE).failures == 0


def test_addresses_are_one_by_network() -> None:
    assert address_subject("203.0.113.7") == address_subject("::ffff:203.0.113.7")
    assert address_subject("2001:db8::1") == address_subject("2001:db8::ffff:1")
    distinct = {address_subject(text) for text in ("203.0.113.7", "203.0.113.8", "2001:db8:0:1::1", "2001:db8::1", "?")}
    assert len(distinct) == 5
