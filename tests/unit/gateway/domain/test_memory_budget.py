"""Bytes of bodies at once."""

from __future__ import annotations

import pytest

from tseeder_gateway.domain.memory_budget import MemoryBudget
from tseeder_kit.errors import AppError, Kind


def refusal(budget: MemoryBudget, who: str, size: int) -> AppError:
    with pytest.raises(AppError) as caught:
        budget.hold(who).reach(size)
    assert caught.value.details["retry_after_seconds"] == "1"
    return caught.value


def test_a_caller_has_a_share() -> None:
    budget = MemoryBudget(100, 30)
    held = budget.hold("ann")
    held.reach(30)
    error = refusal(budget, "ann", 1)
    assert (error.kind, error.code) == (Kind.EXHAUSTED, "too_many_uploads")
    budget.hold("ben").reach(30)
    held.release()
    budget.hold("ann").reach(30)
    assert budget.held_bytes == 60


def test_all_together_have_a_limit() -> None:
    budget = MemoryBudget(50, 30)
    budget.hold("ann").reach(30)
    error = refusal(budget, "ben", 21)
    assert (error.kind, error.code) == (Kind.UNAVAILABLE, "uploads_busy")
    budget.hold("ben").reach(20)


def test_what_is_held_only_grows_and_goes_once() -> None:
    budget = MemoryBudget(100, 100)
    held = budget.hold("ann")
    for size in (10, 5, 20, 20):
        held.reach(size)
    assert budget.held_bytes == 20
    held.release()
    held.release()
    assert budget.held_bytes == 0


def test_a_refusal_takes_nothing() -> None:
    budget = MemoryBudget(100, 30)
    held = budget.hold("ann")
    held.reach(10)
    with pytest.raises(AppError):
        held.reach(31)
    assert budget.held_bytes == 10
