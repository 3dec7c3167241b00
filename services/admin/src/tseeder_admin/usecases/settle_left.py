"""Acts that a crash left open."""

from datetime import timedelta
from typing import Final

from tseeder_admin.store import audit
from tseeder_kit.logging import get_logger
from tseeder_pg import Pool, transaction

BATCH: Final = 1_000

_log = get_logger(__name__)


async def settle_left(pool: Pool, older_than: timedelta) -> None:
    """Makes `unknown` what is `started` for longer than any effect takes."""
    async with transaction(pool) as tx:
        settled = await audit.settle_left(tx, older_than, BATCH)
    for audit_id in settled:
        _log.warning("audit_outcome_unknown", audit_id=str(audit_id))
