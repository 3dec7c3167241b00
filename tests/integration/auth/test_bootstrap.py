"""The first superadmin comes from a one-time token, once."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.auth.running import PASSWORD, Auth
from tseeder.auth.v1 import auth_pb2
from tseeder_kit.errors import AppError, Kind


def request(token: str, email: str = "first@example.org", password: str = PASSWORD) -> auth_pb2.BootstrapRequest:
    return auth_pb2.BootstrapRequest(token=token, email=email, password=password)


async def test_the_token_makes_a_superadmin_who_can_sign_in(fresh_auth: Auth) -> None:
    user = await fresh_auth.sessions.Bootstrap(request(await fresh_auth.new_bootstrap_token()))
    assert (user.email, user.role, user.suspended) == ("first@example.org", auth_pb2.ROLE_SUPERADMIN, False)
    assert (await fresh_auth.log_in("First@Example.org")).user == user


async def test_of_many_at_once_exactly_one_wins(fresh_auth: Auth) -> None:
    token = await fresh_auth.new_bootstrap_token()
    attempts = [fresh_auth.sessions.Bootstrap(request(token, f"admin-{n}@example.org")) for n in range(12)]
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    won = [answer for answer in answers if isinstance(answer, auth_pb2.User)]
    assert len(won) == 1
    assert {answer.code for answer in answers if isinstance(answer, AppError)} == {"already_bootstrapped"}
    assert await fresh_auth.pool.fetchval("SELECT count(*) FROM users") == 1


async def test_a_used_token_and_a_new_one_are_refused_afterwards(fresh_auth: Auth) -> None:
    token = await fresh_auth.new_bootstrap_token()
    await fresh_auth.sessions.Bootstrap(request(token))
    with pytest.raises(AppError) as caught:
        await fresh_auth.sessions.Bootstrap(request(token, "second@example.org"))
    assert (caught.value.kind, caught.value.code) == (Kind.CONFLICT, "already_bootstrapped")
    with pytest.raises(AppError) as caught:
        await fresh_auth.new_bootstrap_token()
    assert caught.value.code == "already_bootstrapped"


async def test_bad_tokens_make_nobody(fresh_auth: Auth) -> None:
    replaced = await fresh_auth.new_bootstrap_token()
    expired = await fresh_auth.new_bootstrap_token()
    await fresh_auth.pool.execute("UPDATE bootstrap_tokens SET expires_at = clock_timestamp()")
    for token, code in (
        ("", "bootstrap_token_invalid"),
        ("guess", "bootstrap_token_invalid"),
        (replaced, "bootstrap_token_invalid"),
        (expired, "bootstrap_token_expired"),
    ):
        with pytest.raises(AppError) as caught:
            await fresh_auth.sessions.Bootstrap(request(token))
        assert (caught.value.kind, caught.value.code) == (Kind.UNAUTHENTICATED, code)
    assert await fresh_auth.pool.fetchval("SELECT count(*) FROM users") == 0


async def test_a_mistake_does_not_use_up_the_token(fresh_auth: Auth) -> None:
    token = await fresh_auth.new_bootstrap_token()
    for email, password, code in (
        ("nobody", PASSWORD, "bad_email"),
        ("a@b\0c", PASSWORD, "bad_email"),
        ("a@example.org", "short", "password_too_short"),
        ("a@example.org", "x" * 129, "password_too_long"),
    ):
        with pytest.raises(AppError) as caught:
            await fresh_auth.sessions.Bootstrap(request(token, email, password))
        assert caught.value.code == code
        assert caught.value.fields
    await fresh_auth.sessions.Bootstrap(request(token))
