"""B7: whether the time of an answer tells that an address has an account. Wrong passwords for known and for unknown
addresses, and registrations and resets where the API has them: in pairs, in an order left to chance, one at a time."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.bench.accounts import Accounts, stack_with_accounts
from tests.bench.distinguishing import Difference, difference
from tests.bench.progress import say
from tests.bench.results import BenchError, Result, Row, result, rounded
from tests.bench.workplace import workplace

NAME: Final = "timing"
PAIRS: Final = 600
WARM_UP: Final = 20
PEOPLE: Final = 20
WRONG: Final = "correct horse battery staple"

Send: TypeAlias = Callable[[str], Awaitable[int]]


@dataclass
class Seen:
    """Milliseconds by the kind of address, pair by pair."""

    known: list[float] = field(default_factory=list)
    unknown: list[float] = field(default_factory=list)


def run(pairs: int = PAIRS) -> Result:
    """Run the bench."""
    with workplace(gib_free=4) as folder:
        return figures_of(asyncio.run(_bench(folder, pairs)))


async def _bench(folder: Path, pairs: int) -> dict[str, Seen]:
    seen: dict[str, Seen] = {}
    async with stack_with_accounts(folder / "state", PEOPLE) as accounts:
        for name, send in (await _questions(accounts)).items():
            await _asked(send, accounts, WARM_UP)
            seen[name] = await _asked(send, accounts, pairs)
            say(f"{name}: {pairs} pairs")
    return seen


async def _questions(accounts: Accounts) -> Mapping[str, Send]:
    """What can be asked about an address without being it, as far as this API has it."""
    async with accounts.http.get(f"{accounts.url}/openapi.json") as answer:
        paths: Mapping[str, Any] = (await answer.json())["paths"]
    found: dict[str, Send] = {"login": lambda email: accounts.log_in(email, WRONG)}
    if "/v1/auth/register" in paths:
        async with accounts.http.get(f"{accounts.url}/v1/auth/config") as answer:
            terms = (await answer.json()).get("terms_version", "")
        new = {"password": secrets.token_urlsafe(16), "accepted_terms_version": str(terms)}
        found["register"] = _posting(accounts, "/v1/auth/register", new)
    for name, path in (("reset", "/v1/auth/password-reset"), ("resend", "/v1/auth/verify-email/resend")):
        if path in paths:
            found[name] = _posting(accounts, path, {})
    return found


def _posting(accounts: Accounts, path: str, more: Mapping[str, str]) -> Send:
    async def send(email: str) -> int:
        async with accounts.http.post(accounts.url + path, json={"email": email, **more}) as answer:
            await answer.read()
            return answer.status

    return send


async def _asked(send: Send, accounts: Accounts, pairs: int) -> Seen:
    """Each pair: somebody who has an account, and somebody who has none, in either order. Their answers must be equal,
    or nothing counts."""
    seen, statuses = Seen(), set()
    for number in range(pairs):
        known = accounts.people[number % len(accounts.people)][0]
        asked = [(known, seen.known), (f"nobody-{secrets.token_hex(8)}@example.org", seen.unknown)]
        random.shuffle(asked)
        for email, times in asked:
            began = time.perf_counter()
            statuses.add(await send(email))
            times.append((time.perf_counter() - began) * 1000)
    if len(statuses) != 1:
        raise BenchError(f"the answers differ: {sorted(statuses)}")
    return seen


def figures_of(seen: Mapping[str, Seen]) -> Result:
    """The rows, and for each question how much better than a coin one answer lets anybody guess."""
    rows: list[Row] = []
    ratios: dict[str, float] = {}
    for name, times in seen.items():
        found = difference(times.known, times.unknown)
        rows += [
            Row.of(f"{name}: known addresses", "ms", quarters(times.known)),
            Row.of(f"{name}: unknown addresses", "ms", quarters(times.unknown)),
            *_rows(name, found),
        ]
        ratios[name] = rounded(found.advantage)
    return result(NAME, rows, ratios)


def _rows(name: str, found: Difference) -> list[Row]:
    """The value, with the ends of its interval of 95 % as the runs."""
    return [
        Row(f"{name}: known - unknown, median", rounded(found.median), "ms", _ends(found.median_interval)),
        Row(f"{name}: advantage of one guess", rounded(found.advantage), "", _ends(found.advantage_interval)),
        Row(f"{name}: p of a difference by chance", rounded(found.p), "", (rounded(found.p),)),
    ]


def _ends(interval: tuple[float, float]) -> tuple[float, float]:
    return rounded(interval[0]), rounded(interval[1])


def quarters(times: Sequence[float]) -> list[float]:
    """Medians of the four quarters of the bench, as its runs: noise that comes and goes shows there."""
    size = max(1, len(times) // 4)
    parts = [sorted(times[start : start + size]) for start in range(0, size * 4, size)]
    return [part[len(part) // 2] for part in parts if part]
