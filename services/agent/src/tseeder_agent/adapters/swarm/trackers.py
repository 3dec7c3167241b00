"""libtorrent's alerts about trackers, as the book of trackers wants them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

import libtorrent as lt

from tseeder_agent.domain.evidence import TrackerBook

_HTTP: Final = "http"
_NONSENSE: Final = "bdecode"
_UNREADABLE: Final = "Its answer cannot be read."


def tracker_failed(book: TrackerBook, alert: lt.tracker_error_alert) -> None:
    """It refuses where it gives a reason of its own, or answers with an HTTP status from 400 to 499; a status above
    says, as silence does, that it is not to be had now."""
    error, reason = alert.error, _text(alert.failure_reason)
    category = error.category().name()
    if category == _HTTP:
        refuses, message = 400 <= error.value() < 500, error.message()
    elif category == _NONSENSE:
        refuses, message = False, _UNREADABLE
    else:
        refuses, message = bool(reason), reason or error.message()
    book.failed(alert.url, _way(alert), message, refuses=refuses, fails=alert.times_in_row)


def tracker_warned(book: TrackerBook, alert: lt.tracker_warning_alert) -> None:
    """The binding has the words only in its own sentence, behind the URL."""
    book.warned(alert.url, _way(alert), _text(alert.message).rpartition(" warning: ")[2])


def tracker_answered(book: TrackerBook, alert: lt.tracker_reply_alert) -> None:
    """It works."""
    book.answered(alert.url, _way(alert))


def _way(alert: lt.tracker_alert) -> Hashable:
    """One of our addresses asked, for one version of the protocol."""
    return alert.local_endpoint[0], int(alert.version)


def _text(read: Callable[[], str]) -> str:
    """What a tracker says may be no UTF-8."""
    try:
        return read()
    except UnicodeDecodeError:
        return _UNREADABLE
