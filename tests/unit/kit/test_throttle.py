"""The arithmetic of throttling."""

from datetime import UTC, datetime, timedelta

from tseeder_kit.throttle import Policy, Tally, seconds_left, take_back, tried

POLICY = Policy(3, timedelta(seconds=1), timedelta(minutes=15), timedelta(hours=1))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NONE = Tally(0, NOW, None)


def failed(times: int) -> Tally:
    """After so many failures in a row, each as soon as it was allowed."""
    tally = NONE
    for _ in range(times):
        tally = tried(POLICY, tally, max(NOW, tally.blocked_until or NOW))
    return tally


def test_waits_double_up_to_the_cap_and_no_further() -> None:
    waits = [POLICY.wait_after(n).total_seconds() for n in range(16)]
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    assert POLICY.wait_after(10**6) == timedelta(minutes=15)


def test_a_wait_is_over_when_it_is_over() -> None:
    blocked = failed(4)
    assert blocked.blocked_until == blocked.last_at + timedelta(seconds=2)
    for later, seconds in ((0.0, 2), (0.5, 2), (1.5, 1), (1.999, 1), (2.0, 0)):
        assert seconds_left(blocked, blocked.last_at + timedelta(seconds=later)) == seconds
    assert seconds_left(failed(2), NOW) == 0


def test_quiet_is_forgiveness() -> None:
    tally = tried(POLICY, failed(12), NOW + timedelta(days=1))
    assert (tally.failures, tally.blocked_until) == (1, None)


def test_a_good_try_takes_back_itself_and_no_more() -> None:
    assert take_back(POLICY, failed(2)).failures == 1
    assert take_back(POLICY, failed(3)).blocked_until is None
    later = failed(6)
    assert take_back(POLICY, later).blocked_until == later.blocked_until
    assert take_back(POLICY, NONE).failures == 0
