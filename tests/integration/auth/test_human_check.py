"""Turnstile, on a server that behaves as its own does: no verdict, no pass."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.auth.mailing import CLIENT, LIMITS, SETTINGS, Mailing, code_of
from tests.integration.auth.running import PASSWORD, Auth, running_auth, unique_email
from tests.ports import PORTS
from tseeder.auth.v1 import registration_pb2 as pb
from tseeder_kit.errors import AppError, Kind
from tseeder_testkit.mail_server import MailServer
from tseeder_testkit.siteverify import SECRET, Siteverify, siteverify


@pytest.fixture(scope="module")
async def provider() -> AsyncIterator[Siteverify]:
    """The provider's server."""
    async with siteverify() as provider:
        yield provider


@pytest.fixture(scope="module")
async def checked(auth: Auth, auth_dsn: str, nats_url: str, provider: Siteverify) -> AsyncIterator[Mailing]:
    """A service that asks it, and whose mails nobody takes."""
    folder = auth.settings.identity_private_key.parent
    turnstile = {
        "human_check": "turnstile",
        "turnstile_site_key": "0x4AAA",
        "turnstile_secret": SECRET,
        "turnstile_hostnames": ("App.example.org",),
        "turnstile_url": provider.url,
        "mail_seconds": 3600,
        "smtp_port": PORTS.pick("no smtp"),
    }
    async with running_auth(auth_dsn, nats_url, folder, **{**SETTINGS, **LIMITS, **turnstile}) as running:
        yield Mailing(running, MailServer())


async def count(checked: Mailing) -> int:
    """Whatever is written for a request that passes: mails come and go."""
    found: int = await checked.auth.pool.fetchval("SELECT count(*) FROM security_events")
    return found


async def test_one_check_is_good_for_one_request(checked: Mailing, provider: Siteverify) -> None:
    token = provider.solve("register")
    await checked.register(unique_email(), human_check_token=token)
    asked = provider.asked[-1]
    assert (asked["response"], asked["remoteip"], asked["secret"]) == (token, CLIENT.remote_address, SECRET)
    assert asked["idempotency_key"]
    await checked.ask_reset(unique_email(), human_check_token=provider.solve("reset"))
    await checked.resend(unique_email(), human_check_token=provider.solve("resend"))
    before = await count(checked)
    with pytest.raises(AppError) as caught:
        await checked.register(unique_email(), human_check_token=token)
    assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "human_check_failed")
    assert await count(checked) == before


@pytest.mark.parametrize("wrong", ["", "x", "x" * 5000, "another action", "another page"])
async def test_anything_else_is_refused(checked: Mailing, provider: Siteverify, wrong: str) -> None:
    before, asked = await count(checked), len(provider.asked)
    solved = {
        "another action": lambda: provider.solve("reset"),
        "another page": lambda: provider.solve("register", "evil.example.org"),
    }
    token = solved[wrong]() if wrong in solved else wrong
    call = checked.register(unique_email(), PASSWORD, human_check_token=token)
    assert await code_of(call) == "human_check_failed"
    assert await count(checked) == before
    assert len(provider.asked) == asked + (0 if wrong in ("", "x" * 5000) else 1)


async def test_no_verdict_is_no_pass(checked: Mailing, provider: Siteverify) -> None:
    provider.fail = 1
    await checked.ask_reset(unique_email(), human_check_token=provider.solve("reset"))  # a second try does
    assert provider.asked[-1] == provider.asked[-2]
    before = await count(checked)
    provider.fail = 2
    with pytest.raises(AppError) as caught:
        await checked.ask_reset(unique_email(), human_check_token=provider.solve("reset"))
    assert (caught.value.kind, caught.value.code) == (Kind.UNAVAILABLE, "human_check_unavailable")
    assert await count(checked) == before


@pytest.mark.parametrize("change", [{"turnstile_secret": "another one"}, {"turnstile_url": "http://127.0.0.1:1/"}])
async def test_a_provider_that_is_away_or_does_not_know_us(
    checked: Mailing, provider: Siteverify, auth_dsn: str, nats_url: str, change: dict[str, str]
) -> None:
    settings = checked.auth.settings
    same = {
        name: getattr(settings, name)
        for name in ("human_check", "turnstile_site_key", "turnstile_secret", "turnstile_hostnames", "turnstile_url")
    }
    async with running_auth(
        auth_dsn, nats_url, settings.identity_private_key.parent, **{**LIMITS, **same, **change}
    ) as running:
        away = Mailing(running, MailServer())
        call = away.ask_reset(unique_email(), human_check_token=provider.solve("reset"))
        assert await code_of(call) == "human_check_unavailable"


async def test_pages_are_told_the_site_key_and_never_the_secret(checked: Mailing) -> None:
    config = await checked.auth.registration.GetConfig(pb.GetConfigRequest())
    assert (config.human_check, config.human_check_site_key) == ("turnstile", "0x4AAA")
    assert SECRET not in str(config)
