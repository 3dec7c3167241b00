"""The session's cookie in a browser: behind TLS, over plain http, and where the two are mixed up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.auth.running import PASSWORD, unique_email
from tests.integration.gateway.browser import Browser, Front, browser, terminating
from tests.integration.gateway.conftest import MakeDoor
from tests.integration.gateway.running import Door

OVER_TLS = "X-Forwarded-Proto: https\r\nX-Forwarded-For: 198.51.100.7\r\n"


async def sign_in(door: Door, who: Browser, url: str, **headers: str) -> tuple[httpx.Response, str]:
    """The answer to somebody new, and his CSRF token."""
    email = (await door.upstream.auth.new_user(email=unique_email())).email
    answer = await who.http.post(f"{url}/v1/auth/login", json={"email": email, "password": PASSWORD}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer, str(answer.json()["csrf_token"])


async def make_key(who: Browser, url: str, **headers: str) -> httpx.Response:
    """An unsafe request by cookie."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await who.http.post(f"{url}/v1/me/api-keys", json={"name": "k"}, headers=named)


def code(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json().get("code")


async def test_behind_tls(make_door: MakeDoor, tmp_path: Path) -> None:
    """Kept by the jar, sent over https only, good for unsafe requests of its own page only, gone at the end."""
    door = await make_door(insecure_http=False, trusted_proxies=("127.0.0.1/32",))
    async with terminating(door.http_port, tmp_path, adding=OVER_TLS) as front, browser(front.tls) as who:
        answer, token = await sign_in(door, who, front.url)
        assert list(who.cookies) == ["__Host-tseeder"]
        cookie = who.cookies["__Host-tseeder"]
        assert (cookie.secure, cookie.path, cookie.path_specified, cookie.domain_specified) == (True, "/", True, False)
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "lax"
        assert cookie.expires is not None
        assert str(cookie.value) not in answer.text
        assert (await who.http.get(f"{front.url}/v1/me")).json()["csrf_token"] == token
        await _unsafe_requests(who, front, token)
        assert (await who.http.get(f"{door.url}/v1/me")).status_code == 401
        out = await who.http.post(f"{front.url}/v1/auth/logout", headers={"X-CSRF-Token": token})
        assert (out.status_code, who.cookies) == (204, {})
        assert (await who.http.get(f"{front.url}/v1/me")).status_code == 401


async def _unsafe_requests(who: Browser, front: Front, token: str) -> None:
    for origin in (front.url, None):
        sent = {"Origin": origin} if origin else {}
        assert (await make_key(who, front.url, X_CSRF_Token=token, **sent)).status_code == 201
        assert code(await make_key(who, front.url, **sent)) == (403, "csrf_token_missing")
        assert code(await make_key(who, front.url, X_CSRF_Token=token + "x", **sent)) == (403, "csrf_token_invalid")
    for origin in (
        front.url.replace("https", "http"),
        f"https://127.0.0.1:{front.port + 1}",
        f"https://127.0.0.1.evil.example:{front.port}",
        "null",
    ):
        refused = await make_key(who, front.url, X_CSRF_Token=token, Origin=origin)
        assert code(refused) == (403, "cross_site_request"), origin


async def test_behind_tls_that_tells_nothing(make_door: MakeDoor, tmp_path: Path) -> None:
    """A plain terminator, trusted with nothing: the setting says that clients come by https."""
    door = await make_door(insecure_http=False)
    async with terminating(door.http_port, tmp_path) as front, browser(front.tls) as who:
        _, token = await sign_in(door, who, front.url, Origin=front.url)
        assert list(who.cookies) == ["__Host-tseeder"]
        await _unsafe_requests(who, front, token)


async def test_over_plain_http(make_door: MakeDoor) -> None:
    door = await make_door(insecure_http=True)
    async with browser() as who:
        answer, token = await sign_in(door, who, door.url)
        (cookie,) = who.cookies.values()
        assert (cookie.name, cookie.secure, cookie.path, cookie.domain_specified) == ("tseeder", False, "/", False)
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "lax"
        assert str(cookie.value) not in answer.text
        assert (await make_key(who, door.url, X_CSRF_Token=token, Origin=door.url)).status_code == 201
        assert code(await make_key(who, door.url)) == (403, "csrf_token_missing")
        out = await who.http.post(f"{door.url}/v1/auth/logout", headers={"X-CSRF-Token": token})
        assert (out.status_code, who.cookies) == (204, {})


async def test_a_gateway_for_https_over_plain_http(make_door: MakeDoor) -> None:
    """No browser keeps the cookie: better no session than one in clear text."""
    door = await make_door(insecure_http=False)
    async with browser() as who:
        answer, _ = await sign_in(door, who, door.url)
        assert answer.headers["Set-Cookie"].startswith("__Host-tseeder=")
        assert who.cookies == {}
        assert (await who.http.get(f"{door.url}/v1/me")).status_code == 401


@pytest.mark.parametrize("insecure", [False, True])
async def test_the_cookie_of_the_other_setting_is_none(make_door: MakeDoor, insecure: bool) -> None:
    """A page of a sibling domain can set `tseeder` for us; it cannot set `__Host-tseeder`."""
    door = await make_door(insecure_http=insecure)
    name, other = ("tseeder", "__Host-tseeder") if insecure else ("__Host-tseeder", "tseeder")
    async with browser() as who:
        answer, _ = await sign_in(door, who, door.url)
    secret = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    assert (await door.call("GET", "/v1/me", headers={"Cookie": f"{other}={secret}"})).status == 401
    assert (await door.call("GET", "/v1/me", headers={"Cookie": f"{name}={secret}; {other}=x"})).status == 200


async def test_the_token_of_another_session_is_none(make_door: MakeDoor) -> None:
    door = await make_door(insecure_http=True)
    async with browser() as who, browser() as somebody:
        await sign_in(door, who, door.url)
        _, token = await sign_in(door, somebody, door.url)
        assert code(await make_key(who, door.url, X_CSRF_Token=token)) == (403, "csrf_token_invalid")


async def test_who_says_by_which_scheme_it_came(make_door: MakeDoor) -> None:
    """X-Forwarded-Proto of a trusted proxy decides what one's own page is; anybody else's changes nothing."""
    for trusted, proto, scheme in (
        (("127.0.0.0/8",), "http", "http"),
        (("127.0.0.0/8",), "https", "https"),
        (("10.0.0.0/8",), "http", "https"),
        ((), "http", "https"),
    ):
        door = await make_door(insecure_http=False, trusted_proxies=trusted)
        body = {"email": unique_email(), "password": PASSWORD}
        for each in ("http", "https"):
            headers = {"X-Forwarded-Proto": proto, "Origin": f"{each}://127.0.0.1:{door.http_port}"}
            answer = await door.call("POST", "/v1/auth/login", json=body, headers=headers)
            expected = "invalid_credentials" if each == scheme else "cross_site_request"
            assert answer.code == expected, (trusted, proto, each)
