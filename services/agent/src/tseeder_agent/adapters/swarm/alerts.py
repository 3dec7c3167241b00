"""libtorrent's alerts on the event loop: it writes to a pipe when there are some, and nobody polls."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import libtorrent as lt

from tseeder_kit.logging import get_logger

_log = get_logger(__name__)
_DRAIN = 4096


class AlertPump:
    """Calls `handlers[type(alert)]` for each alert. `start` and `stop` on the event loop."""

    def __init__(self, session: lt.session, handlers: dict[type[Any], Callable[[Any], None]]) -> None:
        self._session: lt.session | None = session
        self._handlers = handlers
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._read, self._pump)
        if self._session is not None:
            self._session.set_alert_fd(self._write)
        self._pump()  # what was posted before

    def stop(self) -> None:
        """No more calls. The pipe stays open: the session writes to it until it is gone; then call `close`."""
        asyncio.get_running_loop().remove_reader(self._read)

    def forget(self) -> None:
        """Let go of the session, so that it can end; from any thread, after `stop`."""
        self._session = None

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)

    def _pump(self) -> None:
        # Emptied before popping: an alert that comes in between rings again.
        with suppress(BlockingIOError):
            while len(os.read(self._read, _DRAIN)) == _DRAIN:
                pass
        for alert in self._session.pop_alerts() if self._session else ():
            handler = self._handlers.get(type(alert))
            if handler is None:
                continue
            try:
                handler(alert)
            except Exception as exc:  # noqa: BLE001 - one alert must not silence the ones behind it
                _log.error("alert_handler_failed", alert=alert.what(), exc_info=exc)
