"""Times that can be told apart are, and those that cannot are not."""

from __future__ import annotations

import random

import pytest

from tests.bench import logins, report, timing
from tests.bench.distinguishing import difference
from tests.bench.wanted import WANTED


def noise(count: int, shift: float = 0.0, seed: int = 7) -> list[float]:
    chance = random.Random(seed)
    return [30 + shift + chance.gauss(0, 1) for _ in range(count)]


def test_equal_times_tell_nothing() -> None:
    found = difference(noise(300, seed=1), noise(300, seed=2))
    assert found.advantage < 0.05
    assert found.p > 0.01
    low, high = found.median_interval
    assert low < 0 < high


def test_a_difference_in_the_noise_is_found() -> None:
    found = difference(noise(300, 0.5, seed=1), noise(300, seed=2))
    assert found.advantage > 0.1
    assert found.p < 0.01
    low, high = found.median_interval
    assert 0 < low < 0.5 < high
    assert found.advantage_interval[0] > 0


def test_what_is_always_larger_is_known_for_sure() -> None:
    assert difference([2.0] * 20, [1.0] * 20).advantage == 0.5
    assert difference([1.0] * 20, [1.0] * 20).advantage == 0


def test_the_tables_have_what_was_measured() -> None:
    found = timing.figures_of({"login": timing.Seen(noise(40), noise(40, seed=8))})
    assert set(found.ratios) < set(WANTED["timing"])
    assert "known - unknown, median" in report.table(found)
    seen = logins.Figures([noise(200)] * 3, [noise(200, 100.0)] * 3, [40.0] * 3, [1.2] * 3)
    ratios = logins.figures_of(seen).ratios
    assert ratios == {"p99_added_ms": pytest.approx(100, abs=0.1)}
    assert "met" in report.table(logins.figures_of(seen))
