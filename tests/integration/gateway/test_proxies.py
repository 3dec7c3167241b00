"""What proxies say of a request, hosts that are not ours, and two credentials at once."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.integration.auth.running import PASSWORD, unique_email
from tests.integration.gateway.conftest import MakeDoor
from tests.integration.gateway.running import Caller, Door

ALLOWED = ("127.0.0.1", "api.example.org")
FORGED = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Prefix": "/evil.example",
    "Forwarded": "host=evil.example;proto=https",
    "X-Original-URL": "/evil.example",
}
MAGNET = "magnet:?xt=urn:btih:" + "b2" * 20


async def guesses(door: Door, *forwarded: str) -> list[int]:
    """Statuses of guesses at a password, with these X-Forwarded-For."""
    found = []
    for each in forwarded:
        body = {"email": unique_email(), "password": PASSWORD}
        answer = await door.call("POST", "/v1/auth/login", json=body, headers={"X-Forwarded-For": each})
        found.append(answer.status)
    return found


async def test_nobody_chooses_his_own_address(make_door: MakeDoor) -> None:
    """Without trusted proxies, or from another network than theirs, the header is air."""
    for trusted in ((), ("10.0.0.0/8", "::1/128")):
        door = await make_door(anonymous_rate_per_second=0.01, anonymous_rate_burst=2, trusted_proxies=trusted)
        assert await guesses(door, "198.51.100.1", "198.51.100.2", "198.51.100.3") == [401, 401, 429]


async def test_a_trusted_proxy_tells_addresses_apart(make_door: MakeDoor) -> None:
    """The right end of the list is what trusted proxies wrote; what stands left of it is the client's own."""
    door = await make_door(
        anonymous_rate_per_second=0.01, anonymous_rate_burst=1, trusted_proxies=("127.0.0.0/8", "10.0.0.0/8")
    )
    one = ["198.51.100.1", "6.6.6.6, 198.51.100.1", "198.51.100.1, 10.1.2.3", "7.7.7.7,::ffff:198.51.100.1, 10.9.9.9"]
    assert await guesses(door, *one) == [401, 429, 429, 429]
    assert await guesses(door, "2001:db8::1", "[2001:db8::1]:4711", "2001:DB8:0::1,10.0.0.1") == [401, 429, 429]
    assert await guesses(door, "198.51.100.2", "nonsense") == [401, 401]


async def test_a_host_that_is_not_ours(make_door: MakeDoor, user: Caller) -> None:
    door = await make_door(allowed_hosts=ALLOWED, cors_origins=("https://app.example.org",))
    for host in ("api.example.org", "API.example.org:8443", "api.example.org."):
        assert (await door.call("GET", "/v1/me", user=user, headers={"Host": host})).status == 200
    for host in ("evil.example", "api.example.org.evil.example", "127.0.0.1@evil.example", "localhost"):
        answer = await door.call("GET", "/v1/me", user=user, headers={"Host": host})
        assert (answer.status, answer.code) == (421, "host_not_allowed")
        assert b"evil" not in answer.body
    asked = {"Host": "evil.example", "Origin": "https://app.example.org", "Access-Control-Request-Method": "POST"}
    assert (await door.call("OPTIONS", "/v1/jobs", headers=asked)).code == "host_not_allowed"
    assert (await door.raw(b"GET /v1/me HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 421 ")
    for probe in ("/healthz", "/readyz"):
        assert (await door.call("GET", probe, headers={"Host": "10.1.2.3:8080"})).status == 200


async def test_two_hosts_are_none(door: Door) -> None:
    answer = await door.raw(
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "http_invalid"


async def test_no_answer_repeats_a_forged_host(door: Door, user: Caller) -> None:
    """Locations, and the servers of the description, are paths."""
    plain = await door.call("GET", "/openapi.json")
    for method, path, body in (
        ("GET", "/openapi.json", None),
        ("GET", "/", None),
        ("GET", "/v1/jobs", None),
        ("GET", "/v1/nothing/", None),
        ("GET", "/v1/me/", None),
        ("POST", "/v1/jobs", {"magnet": MAGNET}),
    ):
        answer = await door.call(method, path, user=user, headers=FORGED, json=body)
        assert "evil" not in str(answer.headers)
        assert b"evil" not in answer.body
        if path == "/openapi.json":
            assert answer.body == plain.body
            assert all(server["url"].startswith("/") for server in answer.json.get("servers", []))
    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json['job_id']}"


@pytest.mark.parametrize("name", ["Authorization", "X-API-Key"])
async def test_two_keys_are_one_or_none(door: Door, user: Caller, stranger: Caller, name: str) -> None:
    """Both headers with one key are that key; with different ones nobody can say who calls."""
    mine, theirs = (who.headers["Authorization"].removeprefix("Bearer ") for who in (user, stranger))
    both = {"Authorization": f"Bearer {mine}", "X-API-Key": mine}
    assert (await door.call("GET", "/v1/me", headers=both)).json["user_id"] == user.user_id
    other = {**both, name: f"Bearer {theirs}" if name == "Authorization" else theirs}
    answer = await door.call("GET", "/v1/me", headers=other)
    assert (answer.status, answer.code) == (401, "credential_ambiguous")
    assert answer.json["detail"] == "The request carries several credentials."


async def test_a_key_goes_before_a_cookie(door: Door, user: Caller) -> None:
    """So a script with a key is not held to a page's rules, whatever cookies its library keeps."""
    answers = await asyncio.gather(
        *(
            door.call("GET", "/v1/me", headers={**user.headers, "Cookie": cookie})
            for cookie in ("tseeder=nonsense", "tseeder=a; tseeder=b")
        )
    )
    assert [(answer.status, answer.json["csrf_token"]) for answer in answers] == [(200, None)] * 2
