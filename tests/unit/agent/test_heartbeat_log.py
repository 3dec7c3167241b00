"""What an agent says of heartbeats that fail: nothing to worry about while the stack starts, one warning after that."""

from __future__ import annotations

import logging

import pytest

from tseeder_agent.workers import heartbeat
from tseeder_kit.errors import AppError, unauthenticated, unavailable

AWAY = unavailable("service_unavailable", "jobs cannot be reached at the moment.")
REFUSED = unauthenticated("join_refused", "The join secret is wrong.")


def levels(caplog: pytest.LogCaptureFixture, *told: AppError, joined: bool = False) -> list[str]:
    """The level of each line that these failures, one after the other, make."""
    caplog.clear()
    failing = heartbeat._Failing(5.0)
    with caplog.at_level(logging.INFO):
        for exc in told:
            failing.tell(exc, joined=joined)
    return [record.levelname for record in caplog.records]


def test_jobs_may_start_later_than_an_agent(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert levels(caplog, AWAY, AWAY, AWAY) == ["INFO"]
    monkeypatch.setattr(heartbeat, "START_SECONDS", 0.0)  # it does not come
    assert levels(caplog, AWAY, AWAY, AWAY) == ["WARNING"]


def test_what_waiting_does_not_mend_and_what_was_there_before_is_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert levels(caplog, REFUSED, REFUSED) == ["WARNING"]
    assert levels(caplog, AWAY, REFUSED, AWAY) == ["INFO", "WARNING"]
    assert levels(caplog, AWAY, AWAY, joined=True) == ["WARNING"]
