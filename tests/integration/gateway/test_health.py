"""Health, readiness, metrics, the description, and the end of the process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.integration.auth.running import eventually
from tests.integration.gateway.conftest import Library, MakeDoor, free_port
from tests.integration.gateway.running import Caller, Door
from tests.integration.gateway.streams import watching
from tseeder_gateway.main import build

DEAD = "127.0.0.1:1"


async def test_ready_and_alive(door: Door) -> None:
    assert (await door.call("GET", "/healthz")).json == {"live": True}
    assert (await door.call("GET", "/readyz")).json == {"ready": True, "failing": {}}
    async with door.http.get(f"http://127.0.0.1:{door.ops_port}/readyz") as answer:
        assert answer.status == 200


async def test_a_browser_gets_a_page_that_is_no_part_of_the_api(door: Door) -> None:
    page = await door.call("GET", "/")
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b'href="/openapi.json"' in page.body
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert (await door.call("HEAD", "/")).status == 200
    assert "/" not in (await door.call("GET", "/openapi.json")).json["paths"]


async def test_without_jobs_it_is_alive_and_not_ready(make_door: MakeDoor, user: Caller) -> None:
    door = await make_door(jobs_target=DEAD)
    assert (await door.call("GET", "/healthz")).status == 200
    ready = await door.call("GET", "/readyz")
    assert (ready.status, list(ready.json["failing"])) == (503, ["jobs"])
    answer = await door.call("GET", "/v1/jobs", user=user)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "service_unavailable", "1")
    assert (await door.call("GET", "/v1/me", user=user)).status == 200


async def test_before_it_stops_it_is_not_ready_on_both_ports(door: Door) -> None:
    async with build(door.upstream.settings()) as gateway:
        own = Door(door.upstream, door.settings, gateway.http_port, gateway.ops_port, door.http)
        assert (await own.call("GET", "/readyz")).status == 200
        gateway.ops.drain()
        public = await own.call("GET", "/readyz")
        assert (public.status, public.json["failing"]) == (503, {"draining": "shutting_down"})
        async with door.http.get(f"http://127.0.0.1:{gateway.ops_port}/readyz") as answer:
            assert answer.status == 503
        assert (await own.call("GET", "/healthz")).status == 200


async def test_metrics_name_routes_and_no_ids(door: Door, user: Caller, library: Library) -> None:
    await door.call("GET", library.url("notes.txt"), user=user)
    await door.call("GET", "/v1/unknown/" + library.job_id, user=user)
    async with door.http.get(f"http://127.0.0.1:{door.ops_port}/metrics") as answer:
        text = await answer.text()
    assert 'tseeder_gateway_requests_total{method="GET",route="/v1/files/{file_id}/content",status="200"}' in text
    assert 'route="none",status="404"' in text
    for secret in (library.job_id, *library.ids.values(), user.user_id):
        assert secret not in text


async def test_the_description_is_whole(door: Door) -> None:
    document = (await door.call("GET", "/openapi.json")).json
    assert document["openapi"].startswith("3.1.")
    _check_references(document, document)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            assert {"400", "431", "500", "503"} <= set(responses), (method, path)
            if "x-scope" in operation:
                assert {"401", "403", "429", "504"} <= set(responses)
                assert operation["security"]
    submit = document["paths"]["/v1/jobs"]["post"]
    assert set(submit["requestBody"]["content"]) == {"application/json", "multipart/form-data"}


def _check_references(node: Any, document: dict[str, Any]) -> None:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            found: Any = document
            for step in reference.removeprefix("#/").split("/"):
                found = found[step]
        for child in node.values():
            _check_references(child, document)
    elif isinstance(node, list):
        for child in node:
            _check_references(child, document)


@asynccontextmanager
async def _process(door: Door, **changes: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    settings = door.settings
    port = free_port()
    environ = {
        "AUTH_TARGET": settings.auth_target,
        "JOBS_TARGET": settings.jobs_target,
        "BILLING_TARGET": settings.billing_target,
        "ADMIN_TARGET": settings.admin_target,
        "NATS_URL": settings.nats_url.get_secret_value(),
        "INSECURE_HTTP": "true",
        "HTTP_PORT": str(port),
        **changes,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tseeder_gateway",
        env={**os.environ, **{f"TSEEDER_GATEWAY_{name}": value for name, value in environ.items()}},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process, port
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_sigterm_lets_answers_end_and_logs_hold_no_secret(door: Door, user: Caller, library: Library) -> None:
    async with _process(door, SHUTDOWN_SECONDS="10") as (process, port):
        own = Door(door.upstream, door.settings, port, 0, door.http)

        async def ready() -> bool:
            try:
                return (await own.call("GET", "/readyz")).status == 200
            except aiohttp.ClientConnectionError:
                return False

        await eventually(ready)
        await own.call("POST", "/v1/jobs", user=user, json={"magnet": "magnet:?xt=urn:btih:s3cret"})
        async with own.http.get(own.url + library.url("big.bin"), headers=user.headers) as answer:
            begun = await answer.content.readexactly(1000)
            process.send_signal(signal.SIGTERM)
            rest = await answer.content.read()
        assert begun + rest == library.contents["big.bin"]
        async with asyncio.timeout(10):
            _, stderr = await process.communicate()
    assert process.returncode == 0
    log = stderr.decode()
    assert '"event": "request_answered"' in log
    assert '"service": "gateway"' in log
    for secret in ("s3cret", user.headers["Authorization"].split()[1], library.job_id, *library.ids.values()):
        assert secret not in log


async def test_wrong_settings_stop_the_start_with_one_line(door: Door) -> None:
    async with _process(door, CORS_ORIGINS="*") as (process, _):
        _, stderr = await process.communicate()
    assert process.returncode == 78
    assert stderr.decode().count("\n") == 1
    assert "TSEEDER_GATEWAY_CORS_ORIGINS" in stderr.decode()


async def test_streams_are_counted(door: Door, user: Caller, library: Library) -> None:
    async with watching(door, library.job_id, user) as stream:
        assert [event.kind for event in await stream.rest()] == ["snapshot", "end"]
