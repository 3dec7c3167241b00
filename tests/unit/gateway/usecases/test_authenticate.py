"""Exchanging credentials: once at a time, for a few seconds, and never a refusal."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tseeder_gateway.domain.access import Access
from tseeder_gateway.domain.credentials import Credential
from tseeder_gateway.usecases.authenticate import MAX_CACHED, Authenticate
from tseeder_kit.clock import now
from tseeder_kit.errors import AppError, exhausted, unauthenticated

KEY = Credential("api_key", "tsk_one")


class Exchange:
    """Stands where auth's stub is called, and can be held up."""

    def __init__(self, *, lives_seconds: float = 60) -> None:
        self.calls = 0
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()
        self.refuses = False
        self._lives = timedelta(seconds=lives_seconds)

    async def __call__(self, credential: Credential) -> Access:
        self.calls += 1
        self.reached.set()
        await self.open.wait()
        if self.refuses:
            raise unauthenticated("unauthenticated", "No.")
        return Access("user", frozenset(), f"token {self.calls}", now() + self._lives, "", credential)


async def test_it_is_remembered_for_a_while() -> None:
    exchange = Exchange()
    authenticate = Authenticate(exchange, cache_seconds=60)
    assert (await authenticate(KEY)).identity == (await authenticate(KEY)).identity
    assert exchange.calls == 1
    authenticate.forget(KEY)
    assert (await authenticate(KEY)).identity == "token 2"


async def test_what_was_asked_before_the_end_is_not_remembered_after_it() -> None:
    exchange = Exchange()
    exchange.open.clear()
    authenticate = Authenticate(exchange, cache_seconds=60)
    asked = asyncio.create_task(authenticate(KEY))
    await exchange.reached.wait()
    authenticate.forget(KEY)
    after = asyncio.create_task(authenticate(KEY))
    exchange.open.set()
    await asyncio.gather(asked, after)
    assert exchange.calls == 2
    assert (await authenticate(KEY)).identity == (await after).identity
    assert exchange.calls == 2


async def test_not_longer_than_the_setting_or_the_token_itself() -> None:
    exchange = Exchange()
    authenticate = Authenticate(exchange, cache_seconds=0)
    await authenticate(KEY)
    await authenticate(KEY)
    assert exchange.calls == 2
    short = Exchange(lives_seconds=10)
    authenticate = Authenticate(short, cache_seconds=60)
    await authenticate(KEY)
    await authenticate(KEY)
    assert short.calls == 2


async def test_many_at_once_ask_once() -> None:
    exchange = Exchange()
    exchange.open.clear()
    authenticate = Authenticate(exchange, cache_seconds=60)
    waiting = [asyncio.create_task(authenticate(KEY)) for _ in range(50)]
    await exchange.reached.wait()
    waiting[0].cancel()
    exchange.open.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert exchange.calls == 1
    assert isinstance(answers[0], asyncio.CancelledError)
    assert {answer.identity for answer in answers[1:] if isinstance(answer, Access)} == {"token 1"}


async def test_a_refusal_is_not_remembered_and_reaches_all_who_wait() -> None:
    exchange = Exchange()
    exchange.refuses = True
    authenticate = Authenticate(exchange, cache_seconds=60)
    answers = await asyncio.gather(*(authenticate(KEY) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(answer, AppError) for answer in answers)
    exchange.refuses = False
    assert (await authenticate(KEY)).identity == "token 2"


async def test_it_remembers_a_bounded_number() -> None:
    exchange = Exchange()
    authenticate = Authenticate(exchange, cache_seconds=60)
    for number in range(MAX_CACHED + 1):
        await authenticate(Credential("api_key", str(number)))
    calls = exchange.calls
    await authenticate(Credential("api_key", "0"))
    await authenticate(Credential("api_key", str(MAX_CACHED)))
    assert exchange.calls == calls + 1


class Purse:
    """A toll that can be paid a few times."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self) -> None:
        if not self.left:
            raise exhausted("rate_limited", "No.")
        self.left -= 1

    def give_back(self) -> None:
        self.left += 1


async def test_the_toll_is_taken_before_auth_is_asked_and_kept_of_refusals_only() -> None:
    exchange, purse = Exchange(), Purse(2)
    authenticate = Authenticate(exchange, cache_seconds=60)
    await authenticate(KEY, purse)
    assert (purse.left, exchange.calls) == (2, 1)
    await authenticate(KEY, Purse(0))  # it is remembered: nobody is asked
    exchange.refuses = True
    for number in range(2):
        with pytest.raises(AppError):
            await authenticate(Credential("api_key", f"tsk_bad_{number}"), purse)
    with pytest.raises(AppError) as caught:
        await authenticate(Credential("api_key", "tsk_bad_2"), purse)
    assert caught.value.code == "rate_limited"
    assert (purse.left, exchange.calls) == (0, 3)


async def test_who_waits_for_the_same_answer_pays_once() -> None:
    exchange, purse = Exchange(), Purse(1)
    exchange.open.clear()
    authenticate = Authenticate(exchange, cache_seconds=60)
    waiting = [asyncio.create_task(authenticate(KEY, purse)) for _ in range(3)]
    await exchange.reached.wait()
    assert purse.left == 0
    exchange.open.set()
    await asyncio.gather(*waiting)
    assert (purse.left, exchange.calls) == (1, 1)


async def test_it_is_forgotten_after_its_time() -> None:
    exchange = Exchange()
    authenticate = Authenticate(exchange, cache_seconds=0.05)
    first = (await authenticate(KEY)).identity
    async with asyncio.timeout(10):
        while (await authenticate(KEY)).identity == first:  # noqa: ASYNC110 - what is waited for is the clock
            await asyncio.sleep(0)
    assert exchange.calls == 2
