"""Pages of other origins, by what browsers send and what they go by."""

from __future__ import annotations

import pytest

from tests.integration.gateway.conftest import MakeDoor
from tests.integration.gateway.running import Caller, Door, Reply, browsing

PAGE = "https://app.example.org"
SECOND = "http://localhost:3000"
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
EXPOSED = {
    "accept-ranges",
    "content-disposition",
    "content-range",
    "etag",
    "idempotent-replayed",
    "location",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "x-request-id",
}
LOOK_ALIKES = [
    "null",
    "*",
    "",
    "https://app.example.org.evil.example",
    "https://evilapp.example.org",
    "https://evil.example/https://app.example.org",
    "https://app.example.org:443",
    "https://app.example.org:8443",
    "http://app.example.org",
    "https://APP.example.org",
    "https://app.example.org/",
    "https://app.example.org@evil.example",
    "https://app.example.org, https://evil.example",
    "https://app-example.org",
    "https://app.example.or",
    "https://example.org",
    "http://localhost",
    "http://localhost:3001",
]


@pytest.fixture
async def door(make_door: MakeDoor) -> Door:
    """A gateway that two origins may use."""
    return await make_door(cors_origins=(PAGE, SECOND))


def told(answer: Reply) -> dict[str, str]:
    """What the answer says of CORS."""
    return {name.lower(): value for name, value in answer.headers.items() if name.lower().startswith("access-control")}


def varies(answer: Reply) -> bool:
    return "origin" in {each.strip().lower() for each in answer.headers.get("Vary", "").split(",")}


@pytest.mark.parametrize("origin", [PAGE, SECOND])
@pytest.mark.parametrize("method", UNSAFE)
async def test_a_browser_asks_first(door: Door, origin: str, method: str) -> None:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,x-csrf-token",
    }
    answer = await door.call("OPTIONS", "/v1/jobs", headers=headers)
    said = told(answer)
    assert answer.status == 200
    assert (said["access-control-allow-origin"], said["access-control-allow-credentials"]) == (origin, "true")
    assert {each.strip() for each in said["access-control-allow-methods"].split(",")} >= {*UNSAFE, "GET", "HEAD"}
    assert "x-csrf-token" in said["access-control-allow-headers"].lower()
    assert "*" not in "".join(said.values())
    assert varies(answer)


@pytest.mark.parametrize(
    ("method", "headers"), [("TRACE", "content-type"), ("POST", "x-forwarded-for"), ("POST", "cookie"), ("GET", "*")]
)
async def test_and_is_refused_what_is_not_admitted(door: Door, method: str, headers: str) -> None:
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    answer = await door.call("OPTIONS", "/v1/jobs", headers=asked)
    assert (answer.status, answer.code) == (403, "cors_refused")


async def test_a_page_reads_answers_of_every_kind(door: Door, user: Caller) -> None:
    """Problems, too: a page that cannot read them cannot tell its user."""
    person = await browsing(door)
    for who, method, path, status in (
        (person, "GET", "/v1/me", 200),
        (user, "GET", "/v1/me", 200),
        (None, "GET", "/v1/me", 401),
        (person, "GET", "/v1/nothing", 404),
        (person, "PUT", "/v1/me", 405),
        (None, "GET", "/openapi.json", 200),
    ):
        answer = await door.call(method, path, user=who, headers={"Origin": PAGE})
        said = told(answer)
        assert answer.status == status
        assert (said["access-control-allow-origin"], said["access-control-allow-credentials"]) == (PAGE, "true")
        assert {each.strip().lower() for each in said["access-control-expose-headers"].split(",")} == EXPOSED
        assert varies(answer)


@pytest.mark.parametrize("origin", LOOK_ALIKES)
async def test_an_origin_that_only_looks_like_one(door: Door, user: Caller, origin: str) -> None:
    """No word of CORS, whatever the answer; and no unsafe request by cookie."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    preflight = await door.call("OPTIONS", "/v1/jobs", headers=asked)
    read = await door.call("GET", "/v1/me", user=user, headers={"Origin": origin})
    assert (preflight.status, preflight.code, read.status) == (403, "cors_refused", 200)
    for answer in (preflight, read):
        assert told(answer) == {}
        assert varies(answer)
    person = await browsing(door)
    wrote = await door.call("POST", "/v1/me/api-keys", user=person, headers={"Origin": origin}, json={"name": "k"})
    assert (wrote.status, wrote.code) == (403, "cross_site_request")


async def test_without_an_origin_the_answer_varies_all_the_same(door: Door) -> None:
    """A cache must not give a page the answer that was made for nobody."""
    answer = await door.call("GET", "/openapi.json")
    assert told(answer) == {}
    assert varies(answer)
