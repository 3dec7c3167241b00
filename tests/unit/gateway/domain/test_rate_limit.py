"""Token buckets."""

from __future__ import annotations

from tseeder_gateway.domain.rate_limit import RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_the_rate() -> None:
    clock = Clock()
    limit = RateLimit(2.0, 3, clock=clock)
    assert [limit.take("a").taken for _ in range(4)] == [True, True, True, False]
    refused = limit.take("a")
    assert (refused.limit, refused.remaining, refused.retry_after_seconds) == (3, 0, 1)
    clock.now += 0.5
    assert limit.take("a").taken
    assert not limit.take("a").taken
    clock.now += 100
    assert [limit.take("a").remaining for _ in range(3)] == [2, 1, 0]


def test_callers_do_not_share() -> None:
    limit = RateLimit(1.0, 1, clock=Clock())
    assert limit.take("a").taken
    assert limit.take("b").taken
    assert not limit.take("a").taken


def test_a_slow_rate_says_how_long_to_wait() -> None:
    limit = RateLimit(0.1, 1, clock=Clock())
    assert limit.take("a").taken
    assert limit.take("a").retry_after_seconds == 10


def test_it_remembers_a_bounded_number_of_callers() -> None:
    limit = RateLimit(1.0, 1, clock=Clock(), max_callers=10)
    for number in range(1000):
        limit.take(str(number))
    assert len(limit) == 10
