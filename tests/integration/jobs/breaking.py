"""A pool whose transactions end where they are told to: before COMMIT, or after it and before anybody hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal, cast

from tseeder_pg import Pool

Where = Literal["before", "after"]


class Crash(Exception):  # noqa: N818 - it says what happened
    """The process ended here."""


class BreakingPool:
    """Stands where a Pool is expected. `down`: Postgres is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._breaks: tuple[int, Where] | None = None
        self.down = False

    @property
    def pool(self) -> Pool:
        """As the use cases take it."""
        return cast(Pool, self)

    @contextmanager
    def crashing(self, number: int, where: Where) -> Iterator[None]:
        """Inside, the transaction with this number (from 1) ends in a Crash, and all that follow with it."""
        self._breaks = (number, where)
        try:
            yield
        finally:
            self._breaks = None

    async def acquire(self, *, timeout: float) -> Any:
        """A connection."""
        if self.down:
            raise ConnectionRefusedError("Postgres is away")
        if self._breaks is not None and self._breaks[0] <= 0:
            raise Crash
        return _Held(await self._pool.acquire(timeout=timeout), self)

    async def release(self, held: _Held) -> None:
        """Back."""
        await self._pool.release(held.inner)

    def next_break(self) -> Where | None:
        """Of the transaction that is about to commit."""
        if self._breaks is None:
            return None
        left, where = self._breaks
        self._breaks = (left - 1, where)
        return where if left == 1 else None


class _Held:
    def __init__(self, inner: Any, pool: BreakingPool) -> None:
        self.inner = inner
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def transaction(self, **options: Any) -> _Boundary:
        return _Boundary(self.inner.transaction(**options), self._pool)


class _Boundary:
    def __init__(self, inner: Any, pool: BreakingPool) -> None:
        self._inner = inner
        self._pool = pool

    async def __aenter__(self) -> None:
        await self._inner.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        where = self._pool.next_break() if error is None else None
        if where == "before":
            crash = Crash()
            await self._inner.__aexit__(Crash, crash, None)
            raise crash
        await self._inner.__aexit__(kind, error, trace)
        if where == "after":
            raise Crash
