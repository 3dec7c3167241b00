"""What Prometheus and Kubernetes see."""

import asyncio
import json

import aiohttp
import pytest

from tseeder_kit import telemetry
from tseeder_kit.errors import unavailable
from tseeder_kit.telemetry import OpsServer


async def get(ops: OpsServer, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{ops.port}{path}") as answer:
        return answer.status, await answer.text()


async def good() -> None:
    pass


async def away() -> None:
    raise unavailable("database_unavailable", "gone")


async def broken() -> None:
    raise ValueError("postgres://u:hunter2@h")


async def test_ready_when_all_checks_pass() -> None:
    async with OpsServer("127.0.0.1", 0, {"database": good, "bus": good}) as ops:
        assert await get(ops, "/readyz") == (200, '{"ready": true, "failing": {}}\n')
        assert (await get(ops, "/healthz"))[0] == 200


async def test_unready_names_what_fails_and_nothing_more_while_health_stays() -> None:
    async with OpsServer("127.0.0.1", 0, {"database": away, "bus": good, "odd": broken}) as ops:
        status, text = await get(ops, "/readyz")
        assert status == 503
        assert json.loads(text) == {
            "ready": False,
            "failing": {"database": "database_unavailable", "odd": "ValueError"},
        }
        assert (await get(ops, "/healthz"))[0] == 200


async def test_a_check_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "CHECK_SECONDS", 0.05)
    hanging = asyncio.Event()

    async def hang() -> None:
        await hanging.wait()

    async with OpsServer("127.0.0.1", 0, {"database": hang}) as ops:
        status, text = await get(ops, "/readyz")
    assert (status, json.loads(text)["failing"]) == (503, {"database": "timeout"})


async def test_draining_is_not_ready_but_alive() -> None:
    async with OpsServer("127.0.0.1", 0, {}) as ops:
        ops.drain()
        status, text = await get(ops, "/readyz")
        assert (status, json.loads(text)["failing"]) == (503, {"draining": "shutting_down"})
        assert (await get(ops, "/healthz"))[0] == 200


async def test_metrics_are_served() -> None:
    telemetry.counter("test_served", "Served").inc()
    async with OpsServer("127.0.0.1", 0, {}) as ops:
        status, text = await get(ops, "/metrics")
    assert status == 200
    assert "tseeder_test_served_total 1.0" in text


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with OpsServer("127.0.0.1", 0, {}) as ops:
        with pytest.raises(OSError, match="address already in use"):
            async with OpsServer("127.0.0.1", ops.port, {}):
                pass
