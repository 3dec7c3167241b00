"""argon2id in threads of its own: it takes 19 MiB and tens of milliseconds, and must never hold up the event loop."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, Self, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from tseeder_kit.errors import unavailable
from tseeder_kit.telemetry import gauge, histogram

# OWASP's password storage cheat sheet: m=19456 (19 MiB), t=2, p=1.
MEMORY_KIB: Final = 19 * 1024
TIME_COST: Final = 2
PARALLELISM: Final = 1

T = TypeVar("T")

_seconds = histogram("auth_password_hash_seconds", "Time to hash or verify one password, waiting included")
_places = gauge("auth_password_hash_places", "Requests that hash a password or wait to")


class Argon2Pool:
    """Hashes and verifies in `workers` threads; at most `places` requests are admitted at once.

    A context manager: leaving it waits for what is under way. The threads release the interpreter lock while they
    hash, and there are few of them, so a flood of logins costs other requests little.
    """

    def __init__(self, workers: int, places: int) -> None:
        self._hasher = PasswordHasher(
            time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=PARALLELISM, type=Type.ID
        )
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="argon2")
        self._free = places
        # Verified when there is no such account, so that the answer takes as long.
        self._decoy = self._hasher.hash(secrets.token_hex(16))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the queue; raises UNAVAILABLE `auth_busy` when all are taken."""
        if self._free == 0:
            raise unavailable("auth_busy", "Too many sign-ins at this moment; try again.")
        self._free -= 1
        _places.inc()
        try:
            yield
        finally:
            self._free += 1
            _places.dec()

    async def hash(self, password: str) -> str:
        """The encoded hash of a prepared password, with its salt and parameters."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password is the one; for `encoded` None always False, after the same work."""
        matches = await self._run(lambda: self._matches(encoded or self._decoy, password))
        return matches and encoded is not None

    def is_dated(self, encoded: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    def _matches(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError) as exc:
            raise ValueError("a stored password hash is not readable") from exc

    async def _run(self, work: Callable[[], T]) -> T:
        with _seconds.time():
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
