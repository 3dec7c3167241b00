"""Password hashing with its real parameters, in threads."""

import asyncio

import pytest

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_kit.errors import AppError, Kind


async def test_it_hashes_and_verifies() -> None:
    with Argon2Pool(workers=1, places=4) as pool:
        encoded = await pool.hash("a password")
        assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert await pool.verify(encoded, "a password")
        assert not await pool.verify(encoded, "another")
        assert not await pool.verify(None, "a password")
        assert not pool.is_dated(encoded)
        assert pool.is_dated("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g")
        with pytest.raises(ValueError, match="not readable"):
            await pool.verify("plain text", "a password")


async def test_the_event_loop_goes_on_meanwhile() -> None:
    with Argon2Pool(workers=1, places=8) as pool:
        work = asyncio.gather(*(pool.hash("a password") for _ in range(4)))
        turns = 0
        while not work.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 4
        assert len(set(await work)) == 4


async def test_places_are_few_and_come_back() -> None:
    with Argon2Pool(workers=1, places=2) as pool:
        with pool.place(), pool.place():
            with pytest.raises(AppError) as caught, pool.place():
                raise AssertionError("a third place")
            assert (caught.value.kind, caught.value.code) == (Kind.UNAVAILABLE, "auth_busy")
        with pool.place():
            pass
