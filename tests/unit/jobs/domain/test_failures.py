"""What becomes of a transfer whose lease ended early, by the reason's code."""

from __future__ import annotations

from typing import Any

import pytest

from tseeder_agent.domain import problems
from tseeder_agent.domain.transfer import Problem
from tseeder_agent.usecases.run_transfer import NOBODY_COULD
from tseeder_jobs.domain.failures import COURSES, JITTER, Course, LeaseEnd, Outlook, Patience, course_of, outlook
from tseeder_jobs.domain.rows import Reason

PATIENT = Patience(max_attempts=5, max_deaths=10, backoff_seconds=30, longest_seconds=3600)


def after(code: str | None, *, spent: int = 0, deaths: int = 0, luck: float = 0, **end: Any) -> Outlook:
    reason = Reason(code, "Why.") if code else None
    return outlook(PATIENT, LeaseEnd(reason, **end), attempts_spent=spent, deaths=deaths, luck=luck)


def test_what_can_pass_waits_twice_as_long_each_time() -> None:
    waits = [after("no_peers", spent=spent, asks_to_spend=True).wait_seconds for spent in range(4)]
    assert waits == [30, 60, 120, 240]
    assert PATIENT.wait(50, 0) == PATIENT.wait(10**6, 0) == 3600
    assert PATIENT.wait(0, 1) == 30 * (1 - JITTER)


def test_an_agent_may_ask_for_more_and_not_for_less() -> None:
    assert after("no_peers", asks_to_spend=True, asked_seconds=100).wait_seconds == 100
    assert after("no_peers", asks_to_spend=True, asked_seconds=1).wait_seconds == 30
    assert after("no_peers", asked_seconds=5) == Outlook(None, 0, 0, 5)  # it got further: nothing is spent


@pytest.mark.parametrize("code", [code for code, course in COURSES.items() if course is Course.FREE])
def test_what_is_not_the_torrents_doing_is_free(code: str) -> None:
    assert after(code, spent=4, asks_to_spend=True, asked_seconds=7) == Outlook(None, 4, 0, 7)


@pytest.mark.parametrize("code", [code for code, course in COURSES.items() if course is Course.FINAL])
def test_what_nobody_could_better_fails_at_once(code: str) -> None:
    assert after(code).fails == Reason(code, "Why.")


def test_what_no_table_knows_may_pass() -> None:
    assert course_of("quux") is Course.PASSING
    assert after("quux", asks_to_spend=True) == Outlook(None, 1, 0, 30)
    assert after(None, asks_to_spend=True) == Outlook(None, 1, 0, 30)


def test_after_the_last_attempt_the_cause_keeps_its_code() -> None:
    failed = after("stalled", spent=4, asks_to_spend=True)
    assert failed.fails == Reason("stalled", "Why. It was tried 5 times.")
    assert failed.attempts_spent == 5
    assert after(None, spent=4, asks_to_spend=True).fails == Reason(
        "attempts_used_up", "The transfer was tried 5 times."
    )


def test_deaths_in_a_row_wait_from_the_third_on_and_fail_in_the_end() -> None:
    waits = [after("agent_restarted", died=True, deaths=deaths).wait_seconds for deaths in range(5)]
    assert waits == [0, 0, 30, 60, 120]
    lost = after("agent_restarted", died=True, deaths=9)
    assert lost.fails is not None
    assert (lost.fails.code, lost.deaths) == ("agents_lost", 10)
    assert after("agent_restarting", deaths=9) == Outlook(None, 0, 0, 0)  # this one survived it


def test_every_problem_of_agents_is_in_the_table() -> None:
    codes = {value.code for value in vars(problems).values() if isinstance(value, Problem)}
    assert codes <= set(COURSES)
    assert all(course_of(code) is Course.FINAL for code in NOBODY_COULD)
