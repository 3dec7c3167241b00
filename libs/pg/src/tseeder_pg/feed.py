"""The feed: what a service tells the others, in an order that nobody can miss a part of.

Events are written with the change that they tell of. Their ids commit out of order, so a relay stamps committed rows
with a gap-free `seq`, and readers page by it. Rows stay until every registered reader has acknowledged them. The
tables are in feed.sql; a service copies it into a migration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tseeder_kit.errors import AppError, not_found, out_of_range
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import gauge
from tseeder_pg.pool import transaction
from tseeder_pg.types import Pool, Tx

MAX_PAGE: Final = 1_000
STAMP_BATCH: Final = 1_000
TRIM_BATCH: Final = 10_000
SILENT_AFTER: Final = timedelta(days=7)

_unstamped = gauge("feed_unstamped_events", "Committed events that no reader can see yet")
_unstamped_age = gauge("feed_unstamped_age_seconds", "Age of the oldest event that no reader can see yet; 0: none")
_behind = gauge("feed_reader_lag_events", "Stamped events that a registered reader has not acknowledged", ("reader",))
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event as readers get it."""

    seq: int
    type: str
    entity_id: UUID
    payload: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Some events in order, and the newest seq there is: the reader is up to date when its own equals it."""

    events: Sequence[FeedEvent]
    head_seq: int


APPEND: Final[str] = "INSERT INTO feed (type, entity_id, payload) VALUES ($1, $2, $3)"


async def append(tx: Tx, type: str, entity_id: UUID, payload: Mapping[str, Any]) -> None:
    """Tells of a change, in the transaction that makes it and after the entity's row was locked.

    The lock is what puts one entity's events in order: the next one gets its id only after this commit.
    """
    await tx.execute(APPEND, type, entity_id, dict(payload))


# Per schema: advisory locks belong to the whole database, and every service has its own feed in it.
STAMP_LOCK: Final[str] = "SELECT pg_advisory_xact_lock(hashtextextended('tseeder.feed.' || current_schema(), 0))"
HEAD: Final[str] = "SELECT seq FROM feed_head"
STAMP: Final[str] = """
WITH pending AS MATERIALIZED (
    SELECT id, row_number() OVER (ORDER BY id) AS place
    FROM (SELECT id FROM feed WHERE seq IS NULL ORDER BY id LIMIT $2) AS oldest
), stamped AS (
    UPDATE feed SET seq = $1::bigint + pending.place FROM pending WHERE feed.id = pending.id RETURNING 1
)
SELECT count(*) FROM stamped
"""
ADVANCE_HEAD: Final[str] = "UPDATE feed_head SET seq = seq + $1"


async def stamp(pool: Pool, *, batch: int = STAMP_BATCH) -> int:
    """Gives `seq` to at most `batch` committed events, in id order; how many it stamped. Any number may run at once.

    The lock is a statement of its own: under READ COMMITTED the next statement then sees everything that the former
    holder committed, so that no number is given twice and none is left out.
    """
    async with transaction(pool, isolation="read_committed") as tx:
        await tx.execute(STAMP_LOCK)
        head: int = await tx.fetchval(HEAD)
        stamped: int = await tx.fetchval(STAMP, head, batch)
        if stamped:
            await tx.execute(ADVANCE_HEAD, stamped)
    return stamped


ADD_READERS: Final[str] = """
INSERT INTO feed_readers (reader, acked_seq)
SELECT reader, CASE WHEN head.seq = 0 THEN 0 END FROM unnest($1::text[]) AS reader, feed_head AS head
ON CONFLICT (reader) DO NOTHING
"""
REMOVE_READERS: Final[str] = "DELETE FROM feed_readers WHERE reader <> ALL ($1::text[])"


async def register_readers(pool: Pool, readers: Sequence[str]) -> None:
    """Makes the registered readers exactly these: at the service's start, from its settings.

    One that is new while the feed is not has missed something: its first `list_events` is `out_of_range`.
    """
    async with transaction(pool) as tx:
        await tx.execute(STAMP_LOCK)
        await tx.execute(ADD_READERS, list(readers))
        await tx.execute(REMOVE_READERS, list(readers))


LOCK_READER: Final[str] = "SELECT acked_seq FROM feed_readers WHERE reader = $1 FOR UPDATE"
ACKNOWLEDGE: Final[str] = "UPDATE feed_readers SET acked_seq = $2, last_seen_at = clock_timestamp() WHERE reader = $1"
PAGE: Final[str] = "SELECT seq, type, entity_id, payload, at FROM feed WHERE seq > $1 ORDER BY seq LIMIT $2"


async def list_events(pool: Pool, reader: str, after_seq: int, limit: int = MAX_PAGE) -> FeedPage:
    """The next events after `after_seq` (at most `limit`, at most 1,000), and the acknowledgement of those up to it.

    `after_seq` is what the reader saved together with the effects of the events: 0 at the very first.

    Errors: NOT_FOUND `reader_unknown` for a reader that is not registered. RANGE `out_of_range` when the next event
    is not there (the reader was dropped for its silence, is new, or the feed was restored from a backup): the reader
    takes a snapshot by the service's calls, saves `details["head_seq"]` as its `after_seq`, and reads on from there;
    meanwhile everything past that head is kept for it.
    """
    async with transaction(pool) as tx:
        row = await tx.fetchrow(LOCK_READER, reader)
        if row is None:
            raise not_found("reader_unknown", "This reader of the feed is not registered.", reader=reader)
        head: int = await tx.fetchval(HEAD)
        rows = await tx.fetch(PAGE, after_seq, min(max(limit, 1), MAX_PAGE))
        lost = _lost(row["acked_seq"], after_seq, head, rows[0]["seq"] if rows else None)
        await tx.execute(ACKNOWLEDGE, reader, head if lost else after_seq)
    if lost:
        _log.warning("feed_reader_must_resync", reader=reader, after_seq=after_seq, head_seq=head)
        raise _resync(head)
    events = [FeedEvent(**row) for row in rows]
    # The head was read before the page, which may go past it already.
    return FeedPage(events, max(head, events[-1].seq) if events else head)


def _lost(acked: int | None, after_seq: int, head: int, first: int | None) -> bool:
    """Whether the reader cannot go on from `after_seq` without missing something."""
    if acked is None or after_seq < 0 or after_seq > head:
        return True
    # Stamps are gap-free, so the first row must be the very next one, unless there is none yet.
    return first != after_seq + 1 if first is not None else after_seq < head


def _resync(head: int) -> AppError:
    return out_of_range("out_of_range", "The feed does not reach back that far; take a snapshot.", head_seq=head)


DROP_SILENT: Final[str] = """
UPDATE feed_readers SET acked_seq = NULL
WHERE acked_seq IS NOT NULL AND last_seen_at < clock_timestamp() - $1::interval
RETURNING reader
"""
LOCK_READERS: Final[str] = "SELECT acked_seq FROM feed_readers WHERE acked_seq IS NOT NULL ORDER BY reader FOR SHARE"
TRIM: Final[str] = """
DELETE FROM feed WHERE id IN (SELECT id FROM feed WHERE seq <= $1 ORDER BY seq LIMIT $2)
"""


async def trim(pool: Pool, *, silent_after: timedelta = SILENT_AFTER, batch: int = TRIM_BATCH) -> int:
    """Deletes at most `batch` events that all readers have acknowledged; how many. Drops readers that are silent.

    Without any reader that reads, every stamped event may go.
    """
    async with transaction(pool) as tx:
        dropped = await tx.fetch(DROP_SILENT, silent_after)
        acked = [row["acked_seq"] for row in await tx.fetch(LOCK_READERS)]
        upto = min(acked) if acked else await tx.fetchval(HEAD)
        status = await tx.execute(TRIM, upto, batch)
    for row in dropped:
        _log.warning("feed_reader_dropped", reader=row["reader"])
    return int(status.rpartition(" ")[2])


UNSTAMPED: Final[str] = """
SELECT count(*) AS events, COALESCE(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8 AS age_seconds
FROM feed WHERE seq IS NULL
"""
BEHIND: Final[str] = """
SELECT reader, head.seq - COALESCE(acked_seq, 0) AS events FROM feed_readers, feed_head AS head
"""


async def measure(pool: Pool) -> None:
    """Sets the gauges of the feed: for a loop, every some seconds."""
    async with transaction(pool, readonly=True) as tx:
        waiting = await tx.fetchrow(UNSTAMPED)
        behind = await tx.fetch(BEHIND)
    assert waiting is not None  # noqa: S101 - an aggregate answers one row
    _unstamped.set(waiting["events"])
    _unstamped_age.set(waiting["age_seconds"])
    _behind.clear()
    for row in behind:
        _behind.labels(row["reader"]).set(row["events"])
