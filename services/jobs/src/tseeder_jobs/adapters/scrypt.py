"""Passwords of links: scrypt in threads of its own, since it takes 16 MiB and a tenth of a second.

What was right is remembered for a minute, so that a player's many requests do not each cost one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Final, Self, TypeVar
from weakref import WeakValueDictionary

from tseeder_kit.errors import unavailable
from tseeder_kit.telemetry import histogram

# OWASP's password storage cheat sheet: N=2^14 (16 MiB), r=8, p=5.
COST_BITS: Final = 14
BLOCK: Final = 8
PARALLEL: Final = 5

T = TypeVar("T")

WORKERS: Final = 2
PLACES: Final = 64
REMEMBERED_SECONDS: Final = 60.0
MOST_REMEMBERED: Final = 10_000

_SALT_BYTES: Final = 16
_MAX_MEMORY: Final = 64 << 20  # OpenSSL's own limit is 32 MiB; rows of other times may ask for more than today's

_seconds = histogram("jobs_password_hash_seconds", "Time to hash or verify a link's password, waiting included")


class Scrypt:
    """A context manager: leaving it waits for what is under way."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="scrypt")
        self._free = PLACES
        self._key = secrets.token_bytes(32)  # what is remembered says nothing about passwords without it
        self._right: OrderedDict[bytes, float] = OrderedDict()  # until when
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the queue; UNAVAILABLE `link_passwords_busy` when all are taken."""
        if self._free == 0:
            raise unavailable("link_passwords_busy", "Too many passwords are being checked at this moment; try again.")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    @asynccontextmanager
    async def turn(self, encoded: str, password: str) -> AsyncIterator[None]:
        """A place, and then the only one for this very password: of a client's many connections one does the work, and
        is one try."""
        with self.place():
            lock = self._turns.setdefault(self._name(encoded, password), asyncio.Lock())
            async with lock:
                yield

    async def hash(self, password: str) -> str:
        """The encoded hash, with its salt and parameters."""
        return await self._run(partial(_encoded, password, secrets.token_bytes(_SALT_BYTES)))

    async def verify(self, encoded: str, password: str) -> bool:
        """Whether the password is the one; if it is, that is remembered."""
        right = await self._run(partial(_matches, encoded, password))
        if right:
            self._remember(self._name(encoded, password))
        return right

    def remembers(self, encoded: str, password: str) -> bool:
        """Whether it was found right within the last minute; each look makes that minute anew."""
        name = self._name(encoded, password)
        if self._right.get(name, 0.0) <= _now():
            return False
        self._remember(name)
        return True

    def _remember(self, name: bytes) -> None:
        self._right[name] = _now() + REMEMBERED_SECONDS
        self._right.move_to_end(name)
        if len(self._right) > MOST_REMEMBERED:
            self._right.popitem(last=False)

    def _name(self, encoded: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{encoded}\0{password}".encode(), "sha256")

    async def _run(self, work: Callable[[], T]) -> T:
        with _seconds.time():
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _encoded(password: str, salt: bytes) -> str:
    digest = _derived(password, salt, COST_BITS, BLOCK, PARALLEL)
    salt_text, digest_text = (base64.b64encode(part).decode("ascii") for part in (salt, digest))
    return f"scrypt${COST_BITS}${BLOCK}${PARALLEL}${salt_text}${digest_text}"


def _matches(encoded: str, password: str) -> bool:
    _, cost, block, parallel, salt, digest = encoded.split("$")
    derived = _derived(password, base64.b64decode(salt), int(cost), int(block), int(parallel))
    return hmac.compare_digest(derived, base64.b64decode(digest))


def _derived(password: str, salt: bytes, cost_bits: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=1 << cost_bits, r=block, p=parallel, maxmem=_MAX_MEMORY, dklen=32
    )
