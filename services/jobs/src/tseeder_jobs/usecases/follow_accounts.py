"""What auth's feed tells is written down, in one transaction with the place up to which it was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.adapters.accounts import PAGE, Accounts
from tseeder_jobs.domain.accounts import AccountEvent, Closed
from tseeder_jobs.store import accounts as store
from tseeder_jobs.usecases.context import Context
from tseeder_kit.errors import AppError, conflict
from tseeder_kit.ids import uuid7
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter
from tseeder_pg import Tx, connection, transaction

LASTS: Final = timedelta(seconds=5)
"""How long a replica that died keeps the others from reading on; longer than one call takes."""
_FIRST: Final = UUID(int=0)
_unknown = counter("jobs_accounts_unknown", "Users with rows here of whom auth had never heard, seen at a resync")
_log = get_logger(__name__)


async def follow_accounts(ctx: Context, accounts: Accounts) -> None:
    """Reads on until there is no more. One replica at a time does, so that no older answer is written over a newer one;
    the others have nothing to do. Raises what auth answers."""
    turn = uuid7()
    async with connection(ctx.pool) as tx:
        seq = await store.take_turn(tx, turn, LASTS)
    if seq is None:
        return
    try:
        await _Turn(ctx, accounts, turn).read_on(seq)
    finally:
        async with connection(ctx.pool) as tx:
            await store.end_turn(tx, turn)


class _Turn:
    """One replica's turn."""

    def __init__(self, ctx: Context, accounts: Accounts, turn: UUID) -> None:
        self._ctx = ctx
        self._accounts = accounts
        self._turn = turn

    async def read_on(self, seq: int) -> None:
        while True:
            try:
                page = await self._accounts.events(seq)
            except AppError as exc:
                if exc.code != "out_of_range":
                    raise
                seq = await self._take_snapshot(int(exc.details["head_seq"]))
                continue
            if page.seq > seq:
                await self._apply(page.events, page.seq)
                seq = page.seq
            if seq >= page.head_seq:
                return

    async def _apply(self, events: Sequence[AccountEvent], seq: int) -> None:
        async with transaction(self._ctx.pool) as tx:
            await self._hold(tx, seq)
            for event in events:
                if event.closed is None:
                    await store.reopen(tx, [event.user_id])
                else:
                    await store.close(tx, [event.user_id], event.closed)
        if any(event.closed is Closed.DELETED for event in events):
            self._ctx.erase_now.set()

    async def _take_snapshot(self, head_seq: int) -> int:
        """All accounts as they are by now; what changes meanwhile is told after `head_seq`.

        Deleted is who auth says was deleted. Of whom it has never heard nothing is concluded: its database may have
        been restored, or be another one.
        """
        _log.warning("accounts_resync", head_seq=head_seq)
        after = _FIRST
        while True:
            async with connection(self._ctx.pool) as tx:
                known = await store.known(tx, after, PAGE)
            if not known:
                break
            await self._compare(known, await self._accounts.those_of(known))
            after = known[-1]
        after = _FIRST
        while suspended := await self._accounts.suspended(after):
            async with transaction(self._ctx.pool) as tx:
                await self._hold(tx)
                await store.close(tx, suspended, Closed.SUSPENDED)
            after = suspended[-1]
        async with transaction(self._ctx.pool) as tx:
            await self._hold(tx, head_seq)
        self._ctx.erase_now.set()
        return head_seq

    async def _compare(self, known: Sequence[UUID], told: Mapping[UUID, Closed | None]) -> None:
        unknown = [user_id for user_id in known if user_id not in told]
        if unknown:
            _unknown.inc(len(unknown))
            _log.error("accounts_unknown_to_auth", count=len(unknown), example=str(unknown[0]))
        async with transaction(self._ctx.pool) as tx:
            await self._hold(tx)
            revived = await store.revive(tx, [each for each, why in told.items() if why is not Closed.DELETED])
            for reason in Closed:
                await store.close(tx, [user_id for user_id, why in told.items() if why is reason], reason)
            await store.reopen(tx, [user_id for user_id, why in told.items() if why is None])
        if revived:
            _log.error("accounts_not_deleted_after_all", count=len(revived), example=str(revived[0]))

    async def _hold(self, tx: Tx, seq: int | None = None) -> None:
        if not await store.hold_turn(tx, self._turn, LASTS, seq):
            raise conflict("turn_lost", "Another replica reads on.")
