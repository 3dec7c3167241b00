"""Registration, resets and another password, by HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.auth.mailing import LIMITS, SETTINGS, TERMS, token_in
from tests.integration.auth.running import PASSWORD, running_auth, unique_email
from tests.integration.gateway.running import Caller, Door, Reply, Upstream, browsing, running
from tseeder_testkit.mail_server import MailServer, mail_server

NEW = "quite another passphrase"


@pytest.fixture(scope="module")
async def mail() -> AsyncIterator[MailServer]:
    """Where the mails go."""
    async with mail_server() as mail:
        yield mail


@pytest.fixture(scope="module")
async def open_door(upstream: Upstream, mail: MailServer) -> AsyncIterator[Door]:
    """A gateway before an auth service, beside the session's, that lets people register."""
    settings = upstream.auth.settings
    dsn, nats_url = settings.database_url.get_secret_value(), settings.nats_url.get_secret_value()
    changes = {**SETTINGS, **LIMITS, "smtp_port": mail.port}
    async with (
        running_auth(dsn, nats_url, settings.identity_private_key.parent, **changes) as auth,
        running(upstream, auth_target=f"127.0.0.1:{auth.rpc_port}") as door,
    ):
        yield door


async def post(door: Door, path: str, user: Caller | None = None, /, **body: Any) -> Reply:
    return await door.call("POST", f"/v1/{path}", user=user, json=body)


async def test_from_registration_to_another_password(open_door: Door, mail: MailServer) -> None:
    config = await open_door.call("GET", "/v1/auth/config")
    assert config.json == {
        "registration_open": True,
        "human_check": "none",
        "human_check_site_key": None,
        "terms_version": TERMS,
        "terms_url": None,
        "oidc_providers": [],
        "password_min_chars": 8,
        "password_max_chars": 128,
    }
    email = unique_email()
    accepted = {"email": email, "password": PASSWORD, "accepted_terms_version": config.json["terms_version"]}
    first = await post(open_door, "auth/register", **accepted)
    assert (first.status, first.json) == (202, {"accepted": True})
    token = token_in(await mail.wait_for(email))
    assert (await post(open_door, "auth/login", email=email, password=PASSWORD)).code == "email_unverified"

    # A GET, as a scanner of mails makes, uses nothing up.
    assert (await open_door.call("GET", f"/v1/auth/verify-email?token={token}")).status == 405
    confirmed = await post(open_door, "auth/verify-email", token=token)
    assert (confirmed.status, confirmed.body) == (204, b"")
    assert (await post(open_door, "auth/verify-email", token=token)).code == "token_invalid"
    browser, other = await browsing(open_door, email), await browsing(open_door, email)

    changed = await post(open_door, "me/password", browser, password=PASSWORD, new_password=NEW)
    assert changed.status == 200
    assert changed.json["user"]["email"] == email
    cookie = changed.cookies["tseeder"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "lax", "/")
    for former in (browser, other):
        assert (await open_door.call("GET", "/v1/me", user=former)).code == "session_invalid"
    fresh = {"Cookie": f"tseeder={cookie.value}", "X-CSRF-Token": changed.json["csrf_token"]}
    assert (await open_door.call("GET", "/v1/me", headers=fresh)).json["csrf_token"] == changed.json["csrf_token"]
    assert (await open_door.call("POST", "/v1/auth/logout", headers=fresh)).status == 204

    await mail.wait_for(email, 2)  # that it was changed; two that wait at once may go in any order
    asked = await post(open_door, "auth/password-reset", email=email)
    assert (asked.status, asked.json) == (202, {"accepted": True})
    token = token_in(await mail.wait_for(email, 3))
    done = await post(open_door, "auth/password-reset/confirm", token=token, new_password=PASSWORD)
    assert (done.status, done.cookies) == (204, {})
    assert (await post(open_door, "auth/login", email=email, password=NEW)).code == "invalid_credentials"
    assert (await post(open_door, "auth/login", email=email, password=PASSWORD)).status == 200


async def test_known_and_unknown_addresses_are_answered_alike(open_door: Door) -> None:
    known = (await open_door.upstream.auth.new_user(email=unique_email())).email
    for path, more in (
        ("auth/register", {"password": PASSWORD, "accepted_terms_version": TERMS}),
        ("auth/verify-email/resend", {}),
        ("auth/password-reset", {}),
    ):
        answers = [await post(open_door, path, None, email=email, **more) for email in (known, unique_email())]
        assert [answer.status for answer in answers] == [202, 202]
        seen = [
            {k: v for k, v in each.headers.items() if k.lower() not in ("x-request-id", "date")} for each in answers
        ]
        assert seen[0] == seen[1]
        assert answers[0].body == answers[1].body


async def test_what_is_refused_and_how(open_door: Door, door: Door, user: Caller) -> None:
    good = {"email": unique_email(), "password": PASSWORD, "accepted_terms_version": TERMS}
    for path, body, code in (
        ("auth/register", {**good, "email": "nobody"}, "bad_email"),
        ("auth/register", {**good, "password": "password123"}, "password_breached"),
        ("auth/register", {**good, "password": "x" * 500_000}, "password_too_long"),
        ("auth/register", {**good, "accepted_terms_version": "0"}, "terms_not_accepted"),
        ("auth/register", {**good, "role": "superadmin"}, "invalid_request"),
        ("auth/password-reset", {"email": ""}, "bad_email"),
        ("auth/password-reset/confirm", {"token": "x", "new_password": NEW}, "token_invalid"),
    ):
        assert (await post(open_door, path, None, **body)).code == code, body
    assert (await post(door, "auth/register", None, **good)).code == "registration_closed"
    assert (await post(door, "me/password", user, password=PASSWORD, new_password=NEW)).code == "session_needed"
    other_site = {"Origin": "https://evil.example.org"}
    refused = await open_door.call("POST", "/v1/auth/password-reset", headers=other_site, json={"email": "a@b.example"})
    assert refused.code == "cross_site_request"
    browser = await browsing(door)
    without_token = {"Cookie": browser.headers["Cookie"]}
    body = {"password": PASSWORD, "new_password": NEW}
    assert (await door.call("POST", "/v1/me/password", headers=without_token, json=body)).code == "csrf_token_missing"
    assert (await post(door, "me/password", browser, password="not it", new_password=NEW)).code == "proof_failed"
