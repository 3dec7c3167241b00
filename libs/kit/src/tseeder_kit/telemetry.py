"""Metrics, and the small HTTP server on a port of its own where Prometheus and Kubernetes look."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeAlias

from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from tseeder_kit.errors import AppError
from tseeder_kit.logging import get_logger

Check: TypeAlias = Callable[[], Awaitable[None]]

CHECK_SECONDS: Final = 1.0
SECONDS_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
LONG_BUCKETS: Final = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
"""Of seconds, for what people wait for: from a tenth of a second to a day."""

LAG_SECONDS: Final = 0.1

_PREFIX: Final = "tseeder_"
_log = get_logger(__name__)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each counter, which nobody reads


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric of this process, as it is exported: `kind` is counter, gauge or histogram."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help_text: str


_definitions: list[Definition] = []


def definitions() -> tuple[Definition, ...]:
    """All that the modules imported so far define: docs/reference/metrics.md is made from them."""
    return tuple(_definitions)


def _define(name: str, kind: str, help_text: str, labels: Sequence[str], suffix: str = "") -> str:
    full = name if name.startswith(_PREFIX) else _PREFIX + name
    _definitions.append(Definition(full + suffix, kind, tuple(labels), help_text))
    return full


def counter(name: str, help_text: str, labels: Sequence[str] = ()) -> Counter:
    """Something that only rises; exported as `tseeder_<name>_total`. Made once, at module level."""
    return Counter(_define(name, "counter", help_text, labels, "_total"), help_text, labels)


def gauge(name: str, help_text: str, labels: Sequence[str] = ()) -> Gauge:
    """Something that rises and falls; exported as `tseeder_<name>`. Made once, at module level."""
    return Gauge(_define(name, "gauge", help_text, labels), help_text, labels)


def histogram(
    name: str, help_text: str, labels: Sequence[str] = (), buckets: Sequence[float] = SECONDS_BUCKETS
) -> Histogram:
    """A distribution, by default of seconds; exported as `tseeder_<name>_bucket` etc. Made once, at module level."""
    return Histogram(_define(name, "histogram", help_text, labels), help_text, labels, buckets=buckets)


def bounded(value: str, known: Collection[str], other: str = "other") -> str:
    """A label's value that comes from outside: one of `known`, or `other`, so that nobody can make new series."""
    return value if value in known else other


def exposition() -> bytes:
    """All metrics of this process in Prometheus' text format."""
    return generate_latest()


_lag = histogram("event_loop_lag_seconds", "How much later than it should a timer of the event loop fires")


async def _watch_lag() -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(LAG_SECONDS)
        _lag.observe(max(0.0, time.perf_counter() - began - LAG_SECONDS))


async def _failure(check: Check) -> str | None:
    """Why a check fails, as a code that is safe to show, or None."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except AppError as exc:
        return exc.code
    except TimeoutError:
        return "timeout"
    except Exception as exc:  # noqa: BLE001 - a check may fail in any way; readiness says so, the log says why
        _log.warning("readiness_check_failed", exc_info=exc)
        return type(exc).__name__
    return None


class OpsServer:
    """Serves /metrics, /healthz and /readyz while it is entered.

    /healthz is 200 as long as the event loop runs: it depends on nothing, so that a lost database restarts nobody.
    /readyz runs the checks side by side, at most 1 s each: 200, or 503 with what fails; 503 too while draining.
    """

    def __init__(self, host: str, port: int, checks: Mapping[str, Check]) -> None:
        self._host = host
        self._port = port
        self._checks = dict(checks)
        self._draining = False
        self._runner: web.AppRunner | None = None
        self._lag: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that it listens on; a free one was taken if 0 was asked for."""
        return self._port

    def drain(self) -> None:
        """From now on not ready: what balances load stops sending new work here."""
        self._draining = True

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._port = int(runner.addresses[0][1])
        self._runner = runner
        self._lag = asyncio.create_task(_watch_lag(), name="loop-lag")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lag is not None:
            self._lag.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        reasons = await asyncio.gather(*(_failure(check) for check in self._checks.values()))
        failing = {name: reason for name, reason in zip(self._checks, reasons, strict=True) if reason is not None}
        if self._draining:
            failing["draining"] = "shutting_down"
        body = json.dumps({"ready": not failing, "failing": failing}) + "\n"
        return web.Response(text=body, status=503 if failing else 200, content_type="application/json")
