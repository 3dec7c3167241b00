"""What an agent tells of its swarm is cut to what is believable."""

from __future__ import annotations

import math

import pytest

from tseeder_jobs.domain.evidence import MOST, bounded_count, bounded_seconds, plain_line


@pytest.mark.parametrize(("told", "kept"), [(7, 7), (-1, 0), (2**62, MOST)])
def test_counts(told: int, kept: int) -> None:
    assert bounded_count(told) == kept


@pytest.mark.parametrize(("told", "kept"), [(1.5, 1.5), (-1.0, 0.0), (math.inf, 0.0), (math.nan, 0.0)])
def test_seconds(told: float, kept: float) -> None:
    assert bounded_seconds(told) == kept


def test_a_strangers_words_become_one_short_line() -> None:
    assert plain_line(" no\0t \r\n registered\u202egnp\x1b[31m ") == "no t registered gnp [31m"
    assert len(plain_line("x" * 10_000)) == 200
    assert plain_line("\0" * 10_000 + "x") == ""
