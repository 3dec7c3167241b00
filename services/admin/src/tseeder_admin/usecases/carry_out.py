"""An operator's act: its audit row first, then the effect, then the outcome."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import UUID

from tseeder_admin.domain.audit import Intent, Outcome, outcome_of
from tseeder_admin.store import audit
from tseeder_kit.errors import AppError
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter
from tseeder_pg import Pool, transaction

T = TypeVar("T")

DRAIN_SECONDS: Final = 5.0

_acts = counter("admin_acts", "Operators' acts by what came of them", ("action", "outcome"))
_log = get_logger(__name__)


class Acts:
    """Carries acts out, each to its end even if the one who asked hangs up. Leaving it waits for those under way."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._under_way: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=DRAIN_SECONDS)

    async def carry_out(self, intent: Intent, effect: Callable[[], Awaitable[T]]) -> T:
        """Writes the intent, then runs `effect`, then writes what came of it. Nothing happens if the row cannot be
        written. Raises what the effect raises.
        """
        async with transaction(self._pool) as tx:
            await audit.insert_intent(tx, intent, None, None)
        return await self.finish(intent.audit_id, intent.action, effect)

    async def finish(self, audit_id: UUID, action: str, effect: Callable[[], Awaitable[T]]) -> T:
        """The same for an act whose row is there."""
        task = asyncio.create_task(self._finish(audit_id, action, effect), name=f"act {action}")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _finish(self, audit_id: UUID, action: str, effect: Callable[[], Awaitable[T]]) -> T:
        try:
            result = await effect()
        except AppError as exc:
            await self._settle(audit_id, action, outcome_of(exc), exc.code)
            raise
        except Exception:
            await self._settle(audit_id, action, Outcome.UNKNOWN, "internal")
            raise
        await self._settle(audit_id, action, Outcome.DONE, None)
        return result

    async def _settle(self, audit_id: UUID, action: str, outcome: Outcome, code: str | None) -> None:
        """What took place stays true if this cannot be written now: then the sweep makes the row `unknown`."""
        _acts.labels(action, str(outcome)).inc()
        _log.info("operator_act", audit_id=str(audit_id), action=action, outcome=str(outcome), code=code)
        try:
            async with transaction(self._pool) as tx:
                await audit.settle(tx, audit_id, outcome, code)
        except AppError as exc:
            _log.error("audit_outcome_not_written", audit_id=str(audit_id), outcome=str(outcome), exc_info=exc)
