"""Exchanges credentials at auth, and remembers the outcome for a few seconds."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from tseeder_gateway.domain.access import Access
from tseeder_gateway.domain.credentials import Credential
from tseeder_kit.clock import now
from tseeder_kit.errors import AppError, Kind
from tseeder_kit.telemetry import counter

MAX_CACHED: Final = 10_000
MARGIN: Final = timedelta(seconds=15)
"""An identity that is nearer to its end than this is not given out: the call that it is for must fit in."""

_exchanges = counter("gateway_identity_lookups", "Identities asked for, by where they came from", ("source",))

_REFUSALS: Final = frozenset({Kind.UNAUTHENTICATED, Kind.FORBIDDEN})


class Toll(Protocol):
    """What asking auth costs the one who asks for nothing."""

    def take(self) -> None:
        """Raises AppError if he has nothing left."""

    def give_back(self) -> None:
        """He did not ask for nothing."""


Exchange = Callable[[Credential], Awaitable[Access]]


class Authenticate:
    """`await authenticate(credential)`. One credential is exchanged once at a time, however many requests wait.

    Refusals are not remembered. What auth said is kept by the credential's fingerprint, MAX_CACHED at most.
    """

    def __init__(self, exchange: Exchange, *, cache_seconds: float) -> None:
        self._exchange = exchange
        self._cache_seconds = cache_seconds
        self._cached: OrderedDict[bytes, tuple[Access, float]] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[Access]] = {}

    async def __call__(self, credential: Credential, toll: Toll | None = None) -> Access:
        """The access that the credential gives, as it was at most `cache_seconds` ago.

        `toll` is taken before auth is asked, and given back unless auth refuses; whoever waits for the same answer
        pays nothing. Raises AppError UNAUTHENTICATED for a credential that is not, or no longer, good; UNAVAILABLE;
        and what the toll raises.
        """
        key = credential.fingerprint
        cached = self._cached.get(key)
        if cached is not None and self._is_good(*cached):
            self._cached.move_to_end(key)
            _exchanges.labels("cache").inc()
            return cached[0]
        task = self._running.get(key)
        if task is None:
            if toll is not None:
                toll.take()
            task = asyncio.create_task(self._ask(key, credential, toll), name="exchange")
            self._running[key] = task
            task.add_done_callback(partial(self._has_ended, key))
        # One waiter that gives up must not take the answer from the others.
        return await asyncio.shield(task)

    def forget(self, credential: Credential) -> None:
        """Drops what is remembered of a credential that was just ended."""
        self._cached.pop(credential.fingerprint, None)
        # What is asked at this moment may have been answered before the end; its outcome is not to be remembered.
        self._running.pop(credential.fingerprint, None)

    def _has_ended(self, key: bytes, task: asyncio.Task[Access]) -> None:
        if self._is_newest(key, task):
            del self._running[key]

    def _is_newest(self, key: bytes, task: asyncio.Task[Access] | None) -> bool:
        return self._running.get(key) is task

    def _is_good(self, access: Access, cached_at: float) -> bool:
        age = asyncio.get_running_loop().time() - cached_at
        return age < self._cache_seconds and access.expires_at - now() > MARGIN

    async def _ask(self, key: bytes, credential: Credential, toll: Toll | None) -> Access:
        _exchanges.labels("auth").inc()
        asked_at = asyncio.get_running_loop().time()
        self._cached.pop(key, None)
        refused = False
        try:
            access = await self._exchange(credential)
        except AppError as exc:
            refused = exc.kind in _REFUSALS
            raise
        finally:
            if toll is not None and not refused:
                toll.give_back()
        if self._is_newest(key, asyncio.current_task()):
            self._cached[key] = (access, asked_at)
            if len(self._cached) > MAX_CACHED:
                self._cached.popitem(last=False)
        return access
