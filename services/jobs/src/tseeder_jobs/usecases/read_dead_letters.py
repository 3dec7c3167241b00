"""Transfers that failed for good, for operators: a page of them, or one with its history and its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import AttemptRow, DeadLetterRow
from tseeder_jobs.store import dead_letters, leases
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.paging import List, page_size, searched
from tseeder_kit.cursor import Value
from tseeder_kit.errors import AppError, not_found
from tseeder_pg import transaction

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MOST_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One with its last attempts, newest first, and its first jobs, as `(job_id, user_id)`: MOST_SHOWN of each."""

    row: DeadLetterRow
    attempts: tuple[AttemptRow, ...]
    jobs: tuple[tuple[UUID, UUID], ...]


def dead_letter_not_found() -> AppError:
    """No such transfer, one that lives, or one whose jobs were all retried or deleted."""
    return not_found("dead_letter_not_found", "There is no such dead letter.")


async def list_dead_letters(
    ctx: Context, *, reason_code: str, cursor: str, limit: int
) -> tuple[Sequence[DeadLetterRow], str]:
    """Newest first, of this reason ("": all), and the cursor of the next page ("" at the end).

    Errors: INVALID `bad_limit`, `bad_text`, `bad_cursor`.
    """
    size = page_size(limit, DEFAULT_LIMIT, MAX_LIMIT)
    listed = List(ctx.keyring, "jobs.dead_letters", (searched(reason_code),))
    before = _position(listed.position(cursor))
    async with transaction(ctx.pool, readonly=True) as tx:
        rows = await dead_letters.page(tx, reason_code=reason_code, before=before, limit=size + 1)
    shown = rows[:size]
    return shown, listed.cursor(_place(shown[-1])) if len(rows) > size else ""


def _place(row: DeadLetterRow) -> str:
    return f"{row.failed_at.isoformat()} {row.transfer_id}"


def _position(value: Value | None) -> tuple[datetime, UUID] | None:
    if value is None:
        return None
    at, transfer_id = str(value).split(" ")
    return datetime.fromisoformat(at), UUID(transfer_id)


async def get_dead_letter(ctx: Context, transfer_id: UUID) -> DeadLetter:
    """NOT_FOUND `dead_letter_not_found`."""
    async with transaction(ctx.pool, readonly=True) as tx:
        row = await dead_letters.read(tx, transfer_id)
        if row is None:
            raise dead_letter_not_found()
        attempts = await leases.read_attempts(tx, transfer_id, MOST_SHOWN)
        jobs = await dead_letters.failed_jobs(tx, transfer_id, None, MOST_SHOWN)
    return DeadLetter(row, tuple(attempts), tuple(jobs))
