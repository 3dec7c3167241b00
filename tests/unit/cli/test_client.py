"""What the REST client sends, retries, and makes of errors."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.unit.cli.wires import JOB_ID, URL, Script, client, job, problem
from tseeder_cli.client import Client, Source
from tseeder_cli.errors import ApiError, CliError, ExitCode
from tseeder_cli.loopback import is_loopback

DOWN = httpx.ConnectError("refused")
RESET = httpx.ReadError("reset")


async def test_a_submit_is_repeated_with_the_same_key_and_body_until_it_is_answered() -> None:
    script = Script([RESET, problem(503, "service_unavailable"), httpx.Response(202, json=job())])
    async with client(script) as http:
        made, replayed = await http.submit(Source(magnet="magnet:?xt=1"), name="n", selection=[0, 2])
    assert (made["job_id"], replayed) == (JOB_ID, False)
    keys = {request.headers["Idempotency-Key"] for request in script.requests}
    assert len(keys) == 1
    assert len(keys.pop()) == 36
    bodies = [json.loads(request.content) for request in script.requests]
    assert bodies == [{"magnet": "magnet:?xt=1", "name": "n", "selection": {"file_indexes": [0, 2]}}] * 3
    assert script.requests[0].headers["Authorization"] == "Bearer key"


async def test_a_torrent_goes_as_multipart_and_a_replay_is_told() -> None:
    script = Script([RESET, httpx.Response(202, json=job(), headers={"Idempotent-Replayed": "true"})])
    async with client(script) as http:
        _, replayed = await http.submit(Source(torrent=b"d4:infode"), selection=[1])
    assert replayed
    for request in script.requests:
        assert request.headers["Content-Type"].startswith("multipart/form-data")
        assert b'name="torrent"' in request.content
        assert b"d4:infode" in request.content
        assert b'{"file_indexes": [1]}' in request.content
        assert b'name="name"' not in request.content


async def test_an_info_hash_goes_as_json() -> None:
    script = Script([httpx.Response(202, json=job())])
    async with client(script) as http:
        await http.submit(Source(info_hash="ab" * 20))
    assert json.loads(script.requests[0].content) == {"info_hash": "ab" * 20}


async def test_a_rename_is_a_patch() -> None:
    script = Script([httpx.Response(200, json=job(name="n"))])
    async with client(script) as http:
        assert (await http.rename(JOB_ID, "n"))["name"] == "n"
    (sent,) = script.requests
    assert (sent.method, sent.url.path, json.loads(sent.content)) == ("PATCH", f"/v1/jobs/{JOB_ID}", {"name": "n"})


async def test_a_priority_is_sent_at_submit_and_as_a_patch() -> None:
    script = Script([httpx.Response(202, json=job()), httpx.Response(202, json=job()), httpx.Response(200, json=job())])
    async with client(script) as http:
        await http.submit(Source(magnet="magnet:?xt=1"), priority="high")
        await http.submit(Source(torrent=b"d4:infode"), priority="low")
        await http.set_priority(JOB_ID, "low")
    by_json, by_form, patched = script.requests
    assert json.loads(by_json.content) == {"magnet": "magnet:?xt=1", "priority": "high"}
    assert b'name="priority"\r\n\r\nlow\r\n' in by_form.content
    assert (patched.method, json.loads(patched.content)) == ("PATCH", {"priority": "low"})


async def test_what_might_have_been_done_is_not_done_again() -> None:
    script = Script([RESET])
    async with client(script) as http:
        with pytest.raises(CliError) as caught:
            await http.act(JOB_ID, "cancel")
    assert (caught.value.code, caught.value.exit_code) == ("unreachable", ExitCode.UNAVAILABLE)
    for call in (problem(503, "service_unavailable"),):
        script = Script([call])
        async with client(script) as http:
            with pytest.raises(ApiError):
                await http.delete_job(JOB_ID)


async def test_a_refused_connection_had_no_effect_so_anything_is_tried_again() -> None:
    script = Script([DOWN, httpx.Response(200, json=job(state="cancelled"))])
    async with client(script) as http:
        assert (await http.act(JOB_ID, "cancel"))["state"] == "cancelled"


async def test_a_get_gives_up_in_the_end() -> None:
    script = Script([problem(503, "service_unavailable")] * 3)
    async with client(script) as http:
        with pytest.raises(ApiError) as caught:
            await http.job(JOB_ID)
    assert caught.value.status == 503
    assert len(script.requests) == 3


async def test_a_wait_that_is_too_long_is_left_to_the_user() -> None:
    script = Script([problem(429, "rate_limited", **{"retry-after": "3600"})])
    async with client(script) as http:
        with pytest.raises(ApiError) as caught:
            await http.job(JOB_ID)
    assert caught.value.retry_after == 3600


async def test_a_problem_carries_code_text_and_fields() -> None:
    body = {
        "detail": "Wrong.",
        "code": "invalid_request",
        "request_id": "r",
        "errors": [{"field": "name", "code": "too_long", "message": "m"}],
    }
    script = Script([httpx.Response(400, json=body, headers={"content-type": "application/problem+json"})])
    async with client(script) as http:
        with pytest.raises(ApiError) as caught:
            await http.job(JOB_ID)
    error = caught.value
    assert (error.status, error.code, error.message, error.request_id) == (400, "invalid_request", "Wrong.", "r")
    assert error.fields == [("name", "too_long", "m")]


@pytest.mark.parametrize("content_type", ["text/html", "application/json"])
async def test_an_error_that_is_no_problem_json_is_told_by_its_status(content_type: str) -> None:
    script = Script([httpx.Response(502, text="<h1>Bad Gateway</h1>", headers={"content-type": content_type})])
    async with client(script) as http:
        with pytest.raises(ApiError) as caught:
            await http.job(JOB_ID)
    assert caught.value.code == "http_502"
    assert "502" in caught.value.message


async def test_a_server_that_is_not_tseeder() -> None:
    async with client(Script([httpx.Response(200, text="<h1>Welcome</h1>")])) as http:
        with pytest.raises(CliError) as caught:
            await http.job(JOB_ID)
    assert caught.value.code == "not_tseeder"


async def test_lists_are_read_to_their_end() -> None:
    first = httpx.Response(200, json={"items": [job(), job()], "next_cursor": "c 1"})
    script = Script([first, httpx.Response(200, json={"items": [job()], "next_cursor": None})])
    async with client(script) as http:
        assert len([item async for item in http.all_jobs(state="queued")]) == 3
    assert dict(script.requests[0].url.params) == {"state": "queued", "limit": "200"}
    assert dict(script.requests[1].url.params) == {"state": "queued", "limit": "200", "cursor": "c 1"}


async def test_a_session_sends_its_csrf_token_and_cookie() -> None:
    login = {"user": {"email": "me"}, "csrf_token": "t", "expires_at": "2026-11-20T10:00:00Z"}
    script = Script(
        [
            httpx.Response(200, json=login, headers={"Set-Cookie": "tseeder=s; HttpOnly; Path=/; SameSite=Lax"}),
            httpx.Response(201, json={"key": {"key_id": "k"}, "secret": "s"}),
            httpx.Response(204),
        ]
    )
    async with Client(URL, transport=httpx.MockTransport(script)) as http:
        await http.log_in("me", "pw")
        await http.create_api_key("name", ["jobs:read"])
        await http.log_out()
    for request in script.requests[1:]:
        assert request.headers["X-CSRF-Token"] == "t"
        assert request.headers["Cookie"] == "tseeder=s"
        assert "Authorization" not in request.headers


async def test_a_redirect_of_bytes_elsewhere_is_followed_without_the_key() -> None:
    to_s3 = httpx.Response(307, headers={"Location": "http://s3.test/object?sig=1"})
    script = Script([to_s3, httpx.Response(200, content=b"bytes")])
    async with client(script) as http, http.content("f", {"Range": "bytes=0-"}) as response:
        assert await response.aread() == b"bytes"
    assert "Authorization" in script.requests[0].headers
    assert "Authorization" not in script.requests[1].headers
    assert script.requests[1].headers["Range"] == "bytes=0-"


@pytest.mark.parametrize(
    ("url", "is_local"),
    [("http://127.0.0.1:1", True), ("http://[::1]", True), ("http://localhost:80", True), ("https://a.example", False)],
)
def test_loopback(url: str, is_local: bool) -> None:
    assert is_loopback(url) is is_local
