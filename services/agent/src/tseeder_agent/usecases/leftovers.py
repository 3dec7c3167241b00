"""What an earlier boot staged, kept for a while in case its transfer comes back to this agent.

A help, never the truth: whatever is adopted libtorrent hashes before it counts as there, and each part is hashed again
when it is read. It takes no disk from anybody: room is reckoned as if it were gone, and it goes as soon as room is
needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from tseeder_agent.adapters.scratch import Scratch
from tseeder_agent.domain.transfer import LeaseId
from tseeder_kit.clock import boottime
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter

_adopted = counter("agent_adopted_bytes", "What earlier boots staged and this one took over, before it was verified")
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Leftover:
    lease: LeaseId
    size: int  # bytes of disk
    since: float


class Leftovers:
    """One of an agent; on its event loop. Whatever is in the book is nobody else's to move or delete."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._kept: dict[str, _Leftover] = {}

    @property
    def size(self) -> int:
        """Bytes of disk that go when they are needed."""
        return sum(each.size for each in list(self._kept.values()))

    async def keep(self, leases: Iterable[LeaseId]) -> None:
        """Of each transfer the newest folder; older ones are deleted."""
        for lease in sorted(leases):
            before = self._kept.pop(lease.transfer_id, None)
            if before is not None and before.lease != lease:
                await self._scratch.drop(before.lease)
            size = await asyncio.to_thread(self._scratch.used_bytes, lease)
            self._kept[lease.transfer_id] = _Leftover(lease, size, boottime() if before is None else before.since)

    async def adopt(self, lease: LeaseId) -> int:
        """Move what there is of this transfer to the folder of its new lease; gives its bytes, 0: nothing."""
        found = self._kept.pop(lease.transfer_id, None)
        if found is None:
            return 0
        moved = await asyncio.to_thread(self._scratch.move, found.lease, lease)
        if not moved:
            await self._scratch.drop(found.lease)
            return 0
        _adopted.inc(found.size)
        _log.info("leftover_adopted", bytes=found.size, of_epoch=found.lease.epoch)
        return found.size

    async def drop_oldest(self) -> bool:
        """Somebody needs the room; False: there is none left."""
        oldest = min(self._kept.values(), key=lambda each: each.since, default=None)
        if oldest is None:
            return False
        await self._drop(oldest)
        return True

    def forget(self, lease: LeaseId) -> None:
        """Its folder is deleted by somebody else."""
        found = self._kept.get(lease.transfer_id)
        if found is not None and found.lease == lease:
            del self._kept[lease.transfer_id]

    async def expire(self, seconds: float) -> None:
        """Delete what nobody came for in so long."""
        now = boottime()
        for each in [each for each in self._kept.values() if now - each.since >= seconds]:
            await self._drop(each)

    async def _drop(self, leftover: _Leftover) -> None:
        del self._kept[leftover.lease.transfer_id]
        _log.info("leftover_deleted", transfer_id=leftover.lease.transfer_id, bytes=leftover.size)
        await self._scratch.drop(leftover.lease)
