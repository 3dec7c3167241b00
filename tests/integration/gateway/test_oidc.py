"""Signing in through a real OpenID Connect provider, from the button to the session, in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.integration.auth.factors import code_at, enrolled
from tests.integration.auth.running import PASSWORD, running_auth, unique_email
from tests.integration.gateway.browser import Browser, browser, terminating
from tests.integration.gateway.running import Caller, Door, Upstream, browsing, running
from tseeder_testkit.oidc_provider import Running, providing

START = "/v1/auth/oidc/testkit/start?accepted_terms_version=1"
OVER_TLS = "X-Forwarded-Proto: https\r\n"


@dataclass(frozen=True)
class House:
    """A gateway and an auth service of their own, before the session's database, that know a provider."""

    upstream: Upstream
    door: Door
    provider: Running


@pytest.fixture(scope="module")
async def house(upstream: Upstream) -> AsyncIterator[House]:
    """With registration open."""
    settings = upstream.auth.settings
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(providing())
        gone = {**provider.settings, "name": "gone", "issuer": "http://127.0.0.1:9"}
        auth = await stack.enter_async_context(
            running_auth(
                settings.database_url.get_secret_value(),
                upstream.nats_url,
                settings.identity_private_key.parent,
                oidc_providers=[provider.settings, gone],
                registration_open=True,
                smtp_host="127.0.0.1",
                smtp_port=1,
                mail_from="tseeder@example.org",
            )
        )
        own = replace(upstream, auth=auth)
        yield House(own, await stack.enter_async_context(running(own)), provider)


async def at_provider(who: Browser, url: str, **person: str) -> str:
    """From the button to the provider's form, which is sent; where the provider sends the browser back to."""
    started = await who.http.get(url)
    assert started.status_code == 302, started.text
    assert started.headers["Cache-Control"] == "no-store"
    location = started.headers["Location"]
    form = await who.http.get(location)
    assert form.status_code == 200, form.text
    answer = await who.http.post(location, data=person)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["Location"])


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["code"])


async def test_behind_tls_from_the_button_to_the_session(house: House, tmp_path: Path) -> None:
    email = unique_email()
    async with AsyncExitStack() as stack:
        door = await stack.enter_async_context(
            running(house.upstream, insecure_http=False, trusted_proxies=("127.0.0.1/32",))
        )
        front = await stack.enter_async_context(terminating(door.http_port, tmp_path, adding=OVER_TLS))
        who, thief = [await stack.enter_async_context(browser(front.tls)) for _ in range(2)]
        person = {"sub": "tls", "email": email, "email_verified": "on"}
        back = await at_provider(who, f"{front.url}{START}&return_to=/jobs%3Fpage%3D2", **person)
        assert back.startswith(f"{front.url}/v1/auth/oidc/testkit/callback?")
        cookie = who.cookies["__Host-tseeder-oidc"]
        assert (cookie.secure, cookie.path, cookie.domain_specified) == (True, "/", False)
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "lax"

        assert code(await thief.http.get(back)) == (401, "oidc_state_invalid")
        assert thief.cookies == {}
        # As a browser says that another site sent it here.
        done = await who.http.get(back, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
        assert (done.status_code, done.headers["Location"]) == (303, "/jobs?page=2"), done.text
        assert done.headers["Referrer-Policy"] == "no-referrer"
        assert list(who.cookies) == ["__Host-tseeder"]
        me = (await who.http.get(f"{front.url}/v1/me")).json()
        assert me["email"] == email

        assert code(await who.http.get(back)) == (401, "oidc_state_invalid")
        linked = (await who.http.get(f"{front.url}/v1/me/identities")).json()["items"]
        assert [(each["provider"], each["subject"], each["email"]) for each in linked] == [("testkit", "tls", email)]
        away = f"{front.url}/v1/me/identities/testkit/tls"
        assert code(await who.http.delete(away)) == (403, "csrf_token_missing")
        refused = await who.http.delete(away, headers={"X-CSRF-Token": me["csrf_token"]})
        assert code(refused) == (409, "last_credential")


async def test_by_userinfo_into_an_account_that_there_is(house: House) -> None:
    email = unique_email()
    caller = await browsing(house.door, (await house.upstream.auth.new_user(email=email)).email)
    async with browser() as who:
        person = {"sub": "auth0|a/b c", "email": email, "by_userinfo": "on"}
        back = await at_provider(who, house.door.url + START, **person)
        assert code(await who.http.get(back)) == (403, "oidc_email_unverified")
        back = await at_provider(who, house.door.url + START, email_verified="on", **person)
        done = await who.http.get(back)
        assert (done.status_code, done.headers["Location"]) == (303, "/")
        assert (await who.http.get(f"{house.door.url}/v1/me")).json()["user_id"] == caller.user_id
    unlink = "/v1/me/identities/testkit/auth0%7Ca%2Fb%20c"
    assert (await house.door.call("DELETE", unlink, user=await somebody(house))).code == "identity_not_found"
    assert (await house.door.call("DELETE", f"{unlink}%0A", user=caller)).code == "identity_not_found"
    assert (await house.door.call("DELETE", unlink, user=caller)).status == 204
    assert (await house.door.call("GET", "/v1/me/identities", user=caller)).json["items"] == []


async def somebody(house: House) -> Caller:
    """Somebody else."""
    return await browsing(house.door)


async def test_a_second_factor_is_asked_for_in_the_fragment(house: House) -> None:
    careful = await enrolled(house.upstream.auth)
    email = careful.user.email
    async with browser() as who:
        person = {"sub": "careful", "email": email, "email_verified": "on"}
        back = await at_provider(who, f"{house.door.url}{START}&return_to=/in", **person)
        done = await who.http.get(back)
        path, _, challenge = done.headers["Location"].partition("#challenge=")
        assert (done.status_code, path) == (303, "/in")
        assert len(challenge) >= 43
        assert who.cookies == {}
        answer = {"challenge": challenge, "code": code_at(careful.secret)}
        signed_in = await who.http.post(f"{house.door.url}/v1/auth/oidc/second-factor", json=answer)
        assert (signed_in.status_code, signed_in.json()["user"]["email"]) == (200, email)
        assert (await who.http.get(f"{house.door.url}/v1/me")).json()["second_factor"] is True


async def test_who_says_no_at_the_provider(house: House) -> None:
    async with browser() as who:
        back = await at_provider(who, house.door.url + START, sub="no", email="no@example.org", deny="on")
        assert parse_qs(urlsplit(back).query)["error"] == ["access_denied"]
        assert code(await who.http.get(back)) == (401, "oidc_denied")


async def test_a_code_opens_once_and_for_the_browser_that_asked_for_it(house: House) -> None:
    """A code that was stolen on the way: the thief's own flow has another verifier and another nonce."""
    async with browser() as who, browser() as thief:
        person = {"sub": "victim", "email": unique_email(), "email_verified": "on"}
        stolen = parse_qs(urlsplit(await at_provider(who, house.door.url + START, **person)).query)
        own = await at_provider(thief, house.door.url + START, **{**person, "sub": "thief"})
        query = {
            **{name: values[0] for name, values in parse_qs(urlsplit(own).query).items()},
            "code": stolen["code"][0],
        }
        answer = await thief.http.get(house.door.url + urlsplit(own).path, params=query)
        assert code(answer) == (401, "oidc_response_invalid")
        assert "tseeder" not in thief.cookies


async def test_what_is_refused_before_anybody_is_sent_anywhere(house: House) -> None:
    door = house.door
    for path, status, expected in (
        ("/v1/auth/oidc/nobody/start", 404, "oidc_provider_unknown"),
        ("/v1/auth/oidc/No%20Name/start", 404, "oidc_provider_unknown"),
        ("/v1/auth/oidc/nobody/callback?state=a&code=b", 404, "oidc_provider_unknown"),
        ("/v1/auth/oidc/gone/start", 503, "oidc_unavailable"),
        (f"{START}&return_to=//evil.example", 400, "bad_return_to"),
        (f"{START}&return_to=/%5Cevil.example", 400, "bad_return_to"),
        (f"{START}&return_to=https://evil.example", 400, "bad_return_to"),
        (f"{START}&return_to=/%09/evil.example", 400, "bad_return_to"),
        (f"{START}&next=/", 400, "invalid_request"),
        ("/v1/auth/oidc/testkit/callback", 401, "oidc_state_invalid"),
        ("/v1/auth/oidc/testkit/callback?state=a&code=b&session_state=c", 401, "oidc_state_invalid"),
    ):
        answer = await door.call("GET", path)
        assert (answer.status, answer.code) == (status, expected), path
        assert "Set-Cookie" not in answer.headers
    foreign = await door.call("GET", START, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.code == "cross_site_request"


async def test_the_callback_is_where_the_setting_says(house: House) -> None:
    async with running(house.upstream, public_url="https://tseeder.example") as door:
        answer = await door.call("GET", START, headers={"Host": "evil.example"})
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert asked["redirect_uri"] == ["https://tseeder.example/v1/auth/oidc/testkit/callback"]


async def test_who_came_by_a_provider_has_no_password(house: House) -> None:
    email = unique_email()
    async with browser() as who:
        back = await at_provider(who, house.door.url + START, sub="none", email=email, email_verified="on")
        assert (await who.http.get(back)).status_code == 303
    answer = await house.door.call("POST", "/v1/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.code == "invalid_credentials"
