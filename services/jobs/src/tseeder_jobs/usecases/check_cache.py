"""Which torrents are stored already: only what the operator's setting DEDUPE lets this user know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.cached import Cached
from tseeder_jobs.domain.magnet import parse_info_hash
from tseeder_jobs.store import cache
from tseeder_jobs.store.cache import Scope
from tseeder_jobs.usecases.context import Context
from tseeder_kit.errors import AppError, FieldError, invalid
from tseeder_pg import transaction

MAX_ASKED: Final = 500
_TOLD_ERRORS: Final = 50


async def check_cache(ctx: Context, user_id: UUID, info_hashes: Sequence[str]) -> list[Cached | None]:
    """In the order asked; None for what nobody has, or this user may not know of. Another user's private torrent and
    an unverified magnet are never told. INVALID `bad_info_hashes` names each that is none."""
    digests = _digests(info_hashes)
    distinct = {digest: number for number, digest in enumerate(dict.fromkeys(digests))}
    asked = [ctx.keyring.blinds(digest) for digest in distinct]
    async with ctx.cache_checks, transaction(ctx.pool) as tx:
        found = await cache.check(tx, asked, _scope(ctx, user_id))
    return [found.get(distinct[digest]) for digest in digests]


def _scope(ctx: Context, user_id: UUID) -> Scope:
    match ctx.settings.dedupe:
        case "global":
            return Scope(user_id, "any")
        case "user":
            return Scope(user_id, "held")
        case _:
            return Scope(user_id, "none", own_jobs=True)


def _digests(info_hashes: Sequence[str]) -> list[bytes]:
    if not 1 <= len(info_hashes) <= MAX_ASKED:
        raise _refused(f"Ask about 1 to {MAX_ASKED} info-hashes.", ())
    digests, wrong = [], []
    for number, text in enumerate(info_hashes):
        try:
            magnet = parse_info_hash(text)
        except AppError as exc:
            wrong.append(FieldError(f"info_hashes[{number}]", exc.code, exc.message))
        else:
            digests.append(bytes.fromhex(magnet.info_hash_v2 or magnet.info_hash_v1 or ""))
    if wrong:
        raise _refused("Some of these are no info-hashes; `errors` says which.", wrong[:_TOLD_ERRORS])
    return digests


def _refused(message: str, fields: Sequence[FieldError]) -> AppError:
    return invalid("bad_info_hashes", message, fields=fields)
