"""Who waits how long before he asks for work."""

from __future__ import annotations

import pytest

from tseeder_agent.domain.claim_delay import claim_delay

MIB = 1 << 20


@pytest.mark.parametrize(("running", "slots", "rate", "bandwidth"), [(0, 4, 0, 0), (0, 4, 0, MIB), (0, 1, 9.0, 0)])
def test_who_does_nothing_asks_at_once(running: int, slots: int, rate: float, bandwidth: int) -> None:
    assert claim_delay(running, slots, rate, bandwidth) == 0.0


def test_the_fuller_one_asks_later() -> None:
    delays = [claim_delay(running, 8, 0, 0) for running in range(8)]
    assert delays == sorted(set(delays))


def test_who_is_near_his_bandwidth_asks_after_one_with_fewer_slots_but_a_free_link() -> None:
    assert claim_delay(1, 4, 0.95 * MIB, MIB) > claim_delay(3, 4, 0.5 * MIB, MIB)
    assert claim_delay(1, 4, 0.6 * MIB, MIB) == claim_delay(1, 4, 0, 0)  # there is room for one more


def test_it_is_never_a_second() -> None:
    assert claim_delay(100, 4, 10.0 * MIB, MIB) < 1.0
