"""A process that lives by kit: real signals, real exit codes."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

PROGRAM = """
import asyncio, sys
from contextlib import asynccontextmanager
from tseeder_kit.lifecycle import main
from tseeder_kit.logging import get_logger
from tseeder_kit.settings import Settings, SettingsError
from tseeder_kit.telemetry import OpsServer

log = get_logger("toy")
MODE = sys.argv[1]


class ToySettings(Settings):
    size: int


class App:
    def __init__(self, ops):
        self.ops = ops


@asynccontextmanager
async def build(settings):
    async with OpsServer(settings.host, settings.ops_port, {}) as ops:
        if MODE == "cannot_start":
            raise RuntimeError("no")
        if MODE == "wrong_key":
            raise SettingsError("CRYPTO_KEYS: key data-1 is missing")
        if MODE == "slow_start":
            log.info("starting")
            await asyncio.Event().wait()
        log.info("serving", port=ops.port)
        yield App(ops)
        log.info("closing")
        if MODE == "slow_stop":
            await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main("toy", ToySettings, build))
"""


class Toy:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, event: str) -> dict[str, Any]:
        """The first line with this event."""
        while True:
            line = await self._line()
            assert line, f"{event} did not come: {self.lines}"
            found: dict[str, Any] = json.loads(line)
            if found["event"] == event:
                return found

    async def _line(self) -> str:
        assert self.process.stderr is not None
        line = (await asyncio.wait_for(self.process.stderr.readline(), 20)).decode()
        self.lines.append(line)
        return line

    async def exit_code(self) -> int:
        while await self._line():
            pass
        return await asyncio.wait_for(self.process.wait(), 20)


@asynccontextmanager
async def toy(mode: str, **env: str) -> AsyncIterator[Toy]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, mode),
        env={**os.environ, "TSEEDER_TOY_SIZE": "1", **env},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Toy(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order_with_0(number: signal.Signals) -> None:
    async with toy("normal") as running:
        await running.until("started")
        running.process.send_signal(number)
        await running.until("stopping")
        await running.until("closing")
        await running.until("stopped")
        assert await running.exit_code() == 0


async def test_it_says_not_ready_and_still_serves_while_it_drains() -> None:
    async with toy("normal", TSEEDER_TOY_DRAIN_SECONDS="300") as running:
        url = f"http://127.0.0.1:{(await running.until('serving'))['port']}/readyz"
        await running.until("started")
        async with aiohttp.ClientSession() as http:
            assert (await http.get(url)).status == 200
            running.process.send_signal(signal.SIGTERM)
            await running.until("stopping")
            answer = await http.get(url)
            assert (answer.status, (await answer.json())["failing"]) == (503, {"draining": "shutting_down"})
        running.process.send_signal(signal.SIGTERM)
        assert await running.exit_code() == 128 + signal.SIGTERM


async def test_a_second_signal_ends_a_stop_that_hangs() -> None:
    async with toy("slow_stop") as running:
        await running.until("started")
        running.process.send_signal(signal.SIGTERM)
        await running.until("closing")
        running.process.send_signal(signal.SIGINT)
        assert await running.exit_code() == 128 + signal.SIGINT


async def test_a_signal_cancels_a_start_that_hangs() -> None:
    async with toy("slow_start") as running:
        await running.until("starting")
        running.process.send_signal(signal.SIGTERM)
        await running.until("start_cancelled")
        assert await running.exit_code() == 0


async def test_a_start_that_fails_is_logged_and_gives_1() -> None:
    async with toy("cannot_start") as running:
        line = await running.until("process_failed")
        assert line["exception"][0]["exc_type"] == "RuntimeError"
        assert await running.exit_code() == 1


async def test_wrong_settings_give_78_and_one_line() -> None:
    async with toy("normal", TSEEDER_TOY_SIZE="hunter2") as running:
        assert await running.exit_code() == 78
        text = "".join(running.lines)
        assert text.count("\n") == 1
        assert text.startswith("tseeder-toy: TSEEDER_TOY_SIZE: Input should be a valid integer")
        assert "hunter2" not in text


async def test_a_setting_that_proves_wrong_at_the_start_gives_78() -> None:
    async with toy("wrong_key") as running:
        line = await running.until("wrong_settings")
        assert line["what"] == "CRYPTO_KEYS: key data-1 is missing"
        assert "exception" not in line
        assert await running.exit_code() == 78
