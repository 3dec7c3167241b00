"""The feed: gap-free, in order, nothing lost to a reader that is slow, late, silent or new."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

import tseeder_pg
from tseeder_kit.errors import AppError, Kind
from tseeder_kit.ids import uuid7
from tseeder_kit.telemetry import exposition
from tseeder_pg import Pool, connection, feed, transaction

LONG, NEVER = timedelta(0), timedelta(days=1)


@pytest.fixture(autouse=True)
async def _tables(pool: Pool) -> None:
    ddl = (Path(tseeder_pg.__file__).parent / "feed.sql").read_text()
    async with transaction(pool) as tx:
        await tx.execute(ddl)
        await tx.execute("CREATE TABLE entities (id uuid PRIMARY KEY, version int NOT NULL)")
    await feed.register_readers(pool, ["billing", "admin"])


async def tell(pool: Pool, *numbers: int) -> None:
    async with transaction(pool) as tx:
        for n in numbers:
            await feed.append(tx, "thing.happened", UUID(int=n), {"n": n})


async def numbers(pool: Pool, reader: str, after_seq: int, limit: int = 1_000) -> list[tuple[int, int]]:
    page = await feed.list_events(pool, reader, after_seq, limit)
    return [(event.seq, event.payload["n"]) for event in page.events]


async def refused(pool: Pool, reader: str, after_seq: int) -> AppError:
    with pytest.raises(AppError) as caught:
        await feed.list_events(pool, reader, after_seq)
    return caught.value


async def test_events_are_seen_once_stamped_in_order_with_all_they_hold(pool: Pool) -> None:
    await tell(pool, 7, 8)
    assert await numbers(pool, "billing", 0) == []
    assert await feed.stamp(pool) == 2
    assert await feed.stamp(pool) == 0
    page = await feed.list_events(pool, "billing", 0)
    assert page.head_seq == 2
    first, second = page.events
    assert (first.seq, first.type, first.entity_id, first.payload) == (1, "thing.happened", UUID(int=7), {"n": 7})
    assert first.at <= second.at
    assert (await feed.list_events(pool, "billing", 2)).events == []


async def test_an_event_of_a_transaction_that_is_rolled_back_leaves_no_gap(pool: Pool) -> None:
    await tell(pool, 1)
    async with connection(pool) as con:
        rolled_back = con.transaction()
        await rolled_back.start()
        await feed.append(con, "x", UUID(int=2), {})
        await rolled_back.rollback()
    await tell(pool, 3)
    await feed.stamp(pool)
    assert await numbers(pool, "billing", 0) == [(1, 1), (2, 3)]


async def test_one_that_commits_late_is_stamped_later_and_not_lost(pool: Pool) -> None:
    async with transaction(pool) as slow:
        await feed.append(slow, "x", UUID(int=1), {"n": 1})
        await tell(pool, 2)
        await feed.stamp(pool)
        assert await numbers(pool, "billing", 0) == [(1, 2)]
    await feed.stamp(pool)
    assert await numbers(pool, "billing", 1) == [(2, 1)]


async def test_pages_follow_each_other(pool: Pool) -> None:
    await tell(pool, *range(5))
    assert await feed.stamp(pool, batch=3) == 3
    assert await feed.stamp(pool, batch=3) == 2
    assert await numbers(pool, "billing", 0, limit=2) == [(1, 0), (2, 1)]
    assert await numbers(pool, "billing", 2, limit=2) == [(3, 2), (4, 3)]
    assert await numbers(pool, "billing", 4, limit=0) == [(5, 4)]


async def test_writers_relays_and_readers_at_once_miss_and_repeat_nothing(pool: Pool) -> None:
    chance = random.Random(7)
    entities = [uuid7() for _ in range(4)]
    async with transaction(pool) as tx:
        await tx.executemany("INSERT INTO entities VALUES ($1, 0)", [(each,) for each in entities])
    writing = True

    async def write() -> None:
        for _ in range(25):
            async with transaction(pool) as tx:
                entity = chance.choice(entities)
                version = await tx.fetchval(
                    "UPDATE entities SET version = version + 1 WHERE id = $1 RETURNING version", entity
                )
                await feed.append(tx, "entity.changed", entity, {"version": version})
                if chance.random() < 0.3:
                    await tx.execute("SELECT pg_sleep(0.002)")

    async def relay() -> None:
        while await feed.stamp(pool, batch=7) or writing:
            pass

    async def read() -> Sequence[feed.FeedEvent]:
        got: list[feed.FeedEvent] = []
        while len(got) < 100:
            got += (await feed.list_events(pool, "billing", got[-1].seq if got else 0, 9)).events
            await feed.trim(pool, silent_after=NEVER)
        return got

    async with asyncio.timeout(60):
        reading = asyncio.create_task(read())
        relays = [asyncio.create_task(relay()) for _ in range(2)]
        await asyncio.gather(*(write() for _ in range(4)))
        writing = False
        await asyncio.gather(*relays)
        got = await reading
    assert [event.seq for event in got] == list(range(1, 101))
    for entity in entities:
        versions = [event.payload["version"] for event in got if event.entity_id == entity]
        assert versions == list(range(1, len(versions) + 1))


async def rows(pool: Pool) -> int:
    async with connection(pool) as con:
        found: int = await con.fetchval("SELECT count(*) FROM feed")
        return found


async def test_rows_go_when_all_readers_have_acknowledged(pool: Pool) -> None:
    await tell(pool, 1, 2, 3)
    await feed.stamp(pool)
    await tell(pool, 4)  # not stamped: it stays in any case
    await feed.list_events(pool, "billing", 3)
    assert await feed.trim(pool, silent_after=NEVER) == 0
    await feed.list_events(pool, "admin", 2)
    assert await feed.trim(pool, silent_after=NEVER, batch=1) == 1
    assert await feed.trim(pool, silent_after=NEVER) == 1
    assert await rows(pool) == 2
    assert await numbers(pool, "admin", 2) == [(3, 3)]


async def test_a_reader_may_ask_again_for_what_it_has_not_saved(pool: Pool) -> None:
    await tell(pool, 1, 2, 3)
    await feed.stamp(pool)
    await feed.list_events(pool, "billing", 2)
    assert await numbers(pool, "billing", 1) == [(2, 2), (3, 3)]
    await feed.list_events(pool, "admin", 3)
    assert await feed.trim(pool, silent_after=NEVER) == 1  # its word counts as it was given last


async def test_a_silent_reader_is_dropped_and_resyncs_without_missing_what_came_meanwhile(pool: Pool) -> None:
    await tell(pool, 1, 2)
    await feed.stamp(pool)
    assert await feed.trim(pool, silent_after=LONG) == 2
    await tell(pool, 3)
    await feed.stamp(pool)
    error = await refused(pool, "billing", 1)
    assert (error.kind, error.code, error.details) == (Kind.RANGE, "out_of_range", {"head_seq": "3"})
    # While it takes its snapshot the feed goes on, and nothing past the head is trimmed.
    await tell(pool, 4)
    await feed.stamp(pool)
    await refused(pool, "admin", 0)
    await feed.list_events(pool, "admin", 4)
    await feed.trim(pool, silent_after=NEVER)
    assert await numbers(pool, "billing", int(error.details["head_seq"])) == [(4, 4)]


async def test_a_reader_that_comes_back_to_a_place_that_is_gone_must_resync(pool: Pool) -> None:
    await tell(pool, 1, 2)
    await feed.stamp(pool)
    for reader in ("billing", "admin"):
        await feed.list_events(pool, reader, 2)
    await feed.trim(pool, silent_after=NEVER)
    assert (await refused(pool, "billing", 1)).details == {"head_seq": "2"}
    assert await numbers(pool, "billing", 2) == []


@pytest.mark.parametrize("after_seq", [1, -1, 2**62])
async def test_a_place_that_never_was_must_resync(pool: Pool, after_seq: int) -> None:
    assert (await refused(pool, "billing", after_seq)).details == {"head_seq": "0"}
    await tell(pool, 5)
    await feed.stamp(pool)
    assert await numbers(pool, "billing", 0) == [(1, 5)]


async def test_a_reader_that_is_not_registered_is_refused(pool: Pool) -> None:
    error = await refused(pool, "stranger", 0)
    assert (error.kind, error.code) == (Kind.NOT_FOUND, "reader_unknown")


async def test_readers_are_what_the_setting_says_and_a_new_one_takes_a_snapshot_first(pool: Pool) -> None:
    await tell(pool, 1)
    await feed.stamp(pool)
    await feed.register_readers(pool, ["billing", "search"])
    assert (await refused(pool, "admin", 0)).code == "reader_unknown"
    assert await numbers(pool, "billing", 0) == [(1, 1)]
    assert (await refused(pool, "search", 0)).code == "out_of_range"
    assert await numbers(pool, "search", 1) == []


async def test_feeds_of_two_schemas_do_not_wait_for_each_other(pool: Pool) -> None:
    async with transaction(pool) as tx:
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('tseeder.feed.auth', 0))")
        await tell(pool, 1)
        assert await feed.stamp(pool) == 1


async def test_every_statement_can_be_prepared(pool: Pool) -> None:
    statements = {name: value for name, value in vars(feed).items() if name.isupper() and isinstance(value, str)}
    assert len(statements) >= 10
    async with connection(pool) as con:
        for sql in statements.values():
            await con.prepare(sql)


async def test_it_is_measured_what_waits_and_who_is_behind(pool: Pool) -> None:
    await tell(pool, 1, 2, 3)
    await feed.stamp(pool)
    await numbers(pool, "billing", 2)
    await tell(pool, 4)
    await feed.measure(pool)
    found = exposition().decode()
    assert "tseeder_feed_unstamped_events 1.0\n" in found
    assert 'tseeder_feed_reader_lag_events{reader="billing"} 1.0\n' in found
    assert 'tseeder_feed_reader_lag_events{reader="admin"} 3.0\n' in found
    assert "tseeder_feed_unstamped_age_seconds 0.0\n" not in found
    await feed.stamp(pool)
    await feed.register_readers(pool, ["billing"])
    await feed.measure(pool)
    found = exposition().decode()
    assert "tseeder_feed_unstamped_events 0.0\n" in found
    assert "tseeder_feed_unstamped_age_seconds 0.0\n" in found
    assert 'reader="admin"' not in found
