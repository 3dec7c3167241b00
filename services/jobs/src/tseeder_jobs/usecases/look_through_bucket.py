"""A page of the bucket, held against the rows: objects that no row owns, and rows whose object is not there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tseeder_jobs.adapters.s3 import ListedObject
from tseeder_jobs.domain.leftovers import KnownObject
from tseeder_jobs.store import leftovers
from tseeder_jobs.usecases.context import Context
from tseeder_kit.clock import now
from tseeder_pg import transaction

OUR_KEY: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{38}")  # as tseeder_kit.ids.object_key makes them
BEHIND_ALL: Final = "~"
"""Behind every key that is ours, in the order of S3's listings."""
MISSING: Final = 1000
LOOKS_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page held. `last` is the key behind which the next one begins, "" behind the end of the bucket."""

    last: str
    looked_at: int
    late: list[ListedObject]  # written after its key was given up
    unknown: list[ListedObject]  # under a key like ours that no row has
    lost: list[KnownObject]


async def look_through_bucket(ctx: Context, after: str) -> Seen:
    """The keys behind `after`. What is younger than ORPHAN_SECONDS is left alone on both sides, and of a row without an
    object S3 is asked once more: what is being written or completed at this moment is neither an orphan nor lost."""
    page = await ctx.storage.list_objects(after)
    last = page[-1].key if page else ""
    oldest = now() - timedelta(seconds=ctx.settings.orphan_seconds)
    async with transaction(ctx.pool, readonly=True) as tx:
        missing = await leftovers.unlisted(tx, after, last or BEHIND_ALL, [each.key for each in page], oldest, MISSING)
        if len(missing) == MISSING:  # there may be more before `last`: the next page begins here
            last = missing[-1].key
            page = [each for each in page if each.key <= last]
        old = [each for each in page if each.modified_at < oldest and OUR_KEY.fullmatch(each.key)]
        late, unknown = await leftovers.orphans(tx, [each.key for each in old])
    return Seen(
        last=last,
        looked_at=len(page),
        late=[each for each in old if each.key in late],
        unknown=[each for each in old if each.key in unknown],
        lost=await _not_there(ctx, missing),
    )


async def _not_there(ctx: Context, missing: Sequence[KnownObject]) -> list[KnownObject]:
    slots = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def there(each: KnownObject) -> bool:
        async with slots:
            return await ctx.storage.head(each.key) is not None

    found = await asyncio.gather(*(there(each) for each in missing))
    return [each for each, is_there in zip(missing, found, strict=True) if not is_there]
