"""Ended spans on their way out: a bounded queue, and one thread that sends. Nobody ever waits for it."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter

MAX_WAITING: Final = 4096
BATCH: Final = 512
SEND_EVERY_SECONDS: Final = 1.0
ABANDON_SECONDS: Final = 0.5
"""How long a batch that is given up may take to be counted."""

_spans = counter(
    "trace_spans",
    "Spans that ended: sent, or dropped because the queue was full, the receiver away, or the process at its end",
    ("outcome",),
)
_log = get_logger(__name__)


class SpanOutbox:
    """A span processor of OpenTelemetry's SDK. `send` gives whether a batch went out; `abandon` ends a running one."""

    def __init__(self, send: Callable[[Sequence[Any]], bool], abandon: Callable[[], None]) -> None:
        self._send = send
        self._abandon = abandon
        self._waiting: deque[Any] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._is_away = False
        self._thread = threading.Thread(target=self._work, name="spans", daemon=True)
        self._thread.start()

    # The SDK calls these.

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Nothing is to be done."""

    def _on_ending(self, span: Any) -> None:
        """Nothing is to be done."""

    def on_end(self, span: Any) -> None:
        """Takes it in, or drops it."""
        with self._wake:
            full = self._closed or len(self._waiting) >= MAX_WAITING
            if not full:
                self._waiting.append(span)
                if len(self._waiting) == BATCH:
                    self._wake.notify()
        if full:
            _spans.labels("dropped_full").inc()

    def shutdown(self) -> None:
        """As `close`, without time for it."""
        self.close(0.0)

    def force_flush(self, timeout_millis: int = 0) -> bool:
        """Nobody needs it; `close` sends what is left."""
        return False

    # The process calls this.

    def close(self, seconds: float) -> None:
        """Sends what is left, for `seconds` at most; the rest is dropped."""
        with self._wake:
            if self._closed:
                return
            self._closed = True
            self._wake.notify()
        self._thread.join(seconds)
        with self._wake:
            left = len(self._waiting)
            self._waiting.clear()
        self._abandon()
        self._thread.join(ABANDON_SECONDS)
        if left:
            _spans.labels("dropped_late").inc(left)
            _log.warning("spans_dropped", count=left)

    def _work(self) -> None:
        while True:
            with self._wake:
                if not self._closed and len(self._waiting) < BATCH:
                    self._wake.wait(SEND_EVERY_SECONDS)
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH))]
                if self._closed and not batch:
                    return
            if batch:
                self._report(len(batch), sent=self._try(batch))

    def _try(self, batch: Sequence[Any]) -> bool:
        try:
            return self._send(batch)
        except Exception as exc:  # noqa: BLE001 - whatever a receiver does, the thread goes on
            _log.debug("spans_not_sent", cause=type(exc).__name__)
            return False

    def _report(self, count: int, *, sent: bool) -> None:
        _spans.labels("sent" if sent else "dropped_away").inc(count)
        if sent is self._is_away:  # it changed: one line an outage
            self._is_away = not sent
            if sent:
                _log.info("span_receiver_back")
            else:
                _log.warning("span_receiver_away")
