"""Guessing is slowed down, per account and per address, and never locks anybody out for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.auth.running import Auth, running_auth, unique_email
from tseeder_kit.errors import AppError, Kind


@pytest.fixture(scope="module")
async def strict(auth: Auth, auth_dsn: str, nats_url: str) -> AsyncIterator[Auth]:
    """A service that allows 3 failures per account and 6 per address, beside the session's, on the same database."""
    limits = {"login_account_free_failures": 3, "login_address_free_failures": 6, "login_first_wait_seconds": 30}
    async with running_auth(auth_dsn, nats_url, auth.settings.identity_private_key.parent, **limits) as strict:
        yield strict


@pytest.fixture
async def email(strict: Auth) -> str:
    """An account of the test's own."""
    return (await strict.new_user()).email


async def code_of(auth: Auth, email: str, address: str = "") -> str:
    """How a guess is answered."""
    try:
        await auth.log_in(email, "a wrong one", address)
    except AppError as exc:
        return exc.code
    return "done"


async def test_an_account_must_wait_longer_and_longer(strict: Auth, email: str) -> None:
    assert [await code_of(strict, email) for _ in range(3)] == ["invalid_credentials"] * 3
    with pytest.raises(AppError) as caught:
        await strict.log_in(email)
    assert (caught.value.kind, caught.value.code) == (Kind.EXHAUSTED, "login_throttled")
    assert 1 <= int(caught.value.details["retry_after_seconds"]) <= 30

    # Being told to wait makes nothing worse; after the wait there is one more try, and then a longer wait.
    await strict.pool.execute("UPDATE login_throttles SET blocked_until = clock_timestamp() WHERE kind = 'account'")
    assert await code_of(strict, email) == "invalid_credentials"
    with pytest.raises(AppError) as caught:
        await strict.log_in(email)
    assert 30 < int(caught.value.details["retry_after_seconds"]) <= 60

    await strict.pool.execute("UPDATE login_throttles SET blocked_until = clock_timestamp() WHERE kind = 'account'")
    await strict.log_in(email)
    assert [await code_of(strict, email) for _ in range(3)] == ["invalid_credentials"] * 3


async def test_unknown_accounts_are_throttled_alike(strict: Auth) -> None:
    for email in (unique_email(), "no address at all"):
        codes = [await code_of(strict, email) for _ in range(4)]
        assert codes == ["invalid_credentials"] * 3 + ["login_throttled"]


async def test_guesses_at_once_count_each(strict: Auth, email: str) -> None:
    codes = await asyncio.gather(*(code_of(strict, email) for _ in range(20)))
    assert sorted(codes) == ["invalid_credentials"] * 3 + ["login_throttled"] * 17


async def test_an_address_is_throttled_over_all_accounts(strict: Auth) -> None:
    codes = [await code_of(strict, unique_email(), address="203.0.113.7") for _ in range(7)]
    assert codes == ["invalid_credentials"] * 6 + ["login_throttled"]
    assert await code_of(strict, unique_email(), address="203.0.113.8") == "invalid_credentials"
    assert await code_of(strict, unique_email(), address="::ffff:203.0.113.7") == "login_throttled"
    # What the address was refused is not counted against the account.
    victim = unique_email()
    assert [await code_of(strict, victim, "203.0.113.7") for _ in range(4)] == ["login_throttled"] * 4
    assert await code_of(strict, victim) == "invalid_credentials"


async def test_an_ipv6_network_is_one_address(strict: Auth) -> None:
    codes = [await code_of(strict, unique_email(), address=f"2001:db8::{n:x}") for n in range(7)]
    assert codes == ["invalid_credentials"] * 6 + ["login_throttled"]


async def test_signing_in_takes_back_only_itself(strict: Auth, email: str) -> None:
    for _ in range(5):
        assert await code_of(strict, unique_email(), address="203.0.113.70") == "invalid_credentials"
    for _ in range(5):
        await strict.log_in(email, address="203.0.113.70")
    codes = [await code_of(strict, unique_email(), address="203.0.113.70") for _ in range(2)]
    assert codes == ["invalid_credentials", "login_throttled"]


async def test_all_is_forgotten_after_a_while(strict: Auth, email: str) -> None:
    for _ in range(3):
        await code_of(strict, email)
    await strict.pool.execute(
        "UPDATE login_throttles SET last_at = last_at - '2h'::interval, blocked_until = clock_timestamp()"
    )
    assert [await code_of(strict, email) for _ in range(3)] == ["invalid_credentials"] * 3
