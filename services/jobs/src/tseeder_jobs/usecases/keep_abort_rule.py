"""The bucket's own guard: a lifecycle rule that aborts uploads which nobody, not even we, will ever end."""

from __future__ import annotations

from tseeder_jobs.domain.lifecycle import ABORT_RULE_ID
from tseeder_jobs.domain.storage import StorageRefused
from tseeder_jobs.usecases.context import Context
from tseeder_kit.logging import get_logger

_log = get_logger(__name__)


async def keep_abort_rule(ctx: Context) -> int:
    """Set the rule where it is missing or another one; whether (1 or 0) it was.

    A server without lifecycles, or a key that may not set one, is told of once: the sweeps abort what they know of.
    """
    days = ctx.settings.upload_lifetime_days
    if not days:
        return 0
    try:
        written = await ctx.storage.keep_abort_rule(days)
    except StorageRefused as exc:
        if ABORT_RULE_ID not in ctx.told:
            ctx.told.add(ABORT_RULE_ID)
            _log.warning("bucket_lifecycle_not_set", rule=ABORT_RULE_ID, cause=exc.details.get("cause", ""))
        return 0
    ctx.told.discard(ABORT_RULE_ID)
    if written:
        _log.info("bucket_lifecycle_set", rule=ABORT_RULE_ID, days=days)
    return int(written)
