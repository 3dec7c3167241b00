"""How a process lives: start, run until it is told to stop, drain, exit."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Generic, NoReturn, Protocol, TypeAlias, TypeVar, runtime_checkable

from tseeder_kit.logging import configure, get_logger
from tseeder_kit.loops import every, supervise
from tseeder_kit.settings import Settings, SettingsError, load
from tseeder_kit.telemetry import OpsServer
from tseeder_kit.tracing import exporting

__all__ = ["EX_CONFIG", "Build", "HasOps", "every", "load_or_complain", "main", "run", "supervise"]

EX_CONFIG: Final = 78  # sysexits.h: the configuration is wrong

S = TypeVar("S", bound=Settings)
Build: TypeAlias = Callable[[S], AbstractAsyncContextManager[Any]]

_log = get_logger(__name__)


@runtime_checkable
class HasOps(Protocol):
    """What `build` yields has an `ops`, so that it says "not ready" before it stops."""

    @property
    def ops(self) -> OpsServer:
        """The ops server of this process."""
        ...


def main(service: str, settings_class: type[S], build: Build[S]) -> int:
    """The whole of a service's `serve`: settings, logging, traces, run. Gives the exit code; 78 for wrong settings."""
    settings = load_or_complain(service, settings_class)
    if settings is None:
        return EX_CONFIG
    with exporting(service, settings.otlp_endpoint):
        return run(build, settings)


def load_or_complain(service: str, settings_class: type[S]) -> S | None:
    """Settings, with logging configured as they say; or None after one line on stderr that tells what is wrong."""
    try:
        settings = load(settings_class, service)
    except SettingsError as exc:
        sys.stderr.write(f"tseeder-{service}: {exc}\n")
        return None
    configure(service, settings.log_level)
    return settings


def run(build: Build[S], settings: S) -> int:
    """Runs what `build` makes until SIGTERM or SIGINT, then leaves it in order. Gives the exit code.

    On the signal the app's `ops` says "not ready", `settings.drain_seconds` pass, and the context is left. A signal
    while it still starts cancels the start. A second signal ends the process at once. 0 after an orderly stop, 78
    if a setting proved wrong at the start, 1 if it failed; both are logged, the first as one line.
    """
    return asyncio.run(_Life(build, settings).live())


class _Life(Generic[S]):
    def __init__(self, build: Build[S], settings: S) -> None:
        self._build = build
        self._settings = settings
        self._stop = asyncio.Event()
        self._starting = True

    async def live(self) -> int:
        task = asyncio.create_task(self._hold(), name="life")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number, task)
        try:
            await task
        except asyncio.CancelledError:
            if not self._stop.is_set():
                raise
            _log.info("start_cancelled")
        except SettingsError as exc:
            # Found only at the start: a key that is missing for old rows, a file that cannot be read.
            _log.critical("wrong_settings", what=str(exc))
            return EX_CONFIG
        except Exception as exc:  # noqa: BLE001 - the last handler there is
            _log.critical("process_failed", exc_info=exc)
            return 1
        return 0

    async def _hold(self) -> None:
        async with self._build(self._settings) as app:
            self._starting = False
            # What is there now stays: a full collection that walked it would hold the event loop up, each time anew.
            gc.collect()
            gc.freeze()
            _log.info("started", pid=os.getpid())
            await self._stop.wait()
            _log.info("stopping")
            if isinstance(app, HasOps):
                app.ops.drain()
            await asyncio.sleep(self._settings.drain_seconds)
        _log.info("stopped")

    def _on_signal(self, number: signal.Signals, task: "asyncio.Task[None]") -> None:
        if self._stop.is_set():
            _end_now(number)
        self._stop.set()
        if self._starting:
            task.cancel()


def _end_now(number: signal.Signals) -> NoReturn:
    _log.warning("stop_forced", signal=number.name)
    sys.stderr.flush()
    os._exit(128 + number)
