"""Whom a torrent is shared with, as the operator's setting DEDUPE says it now. What was written under another setting
stays what it is: shared rows are found where the setting still allows it, unshared ones by nobody, ever.

| DEDUPE | a new job joins | a torrent that is verified now is written as |
|---|---|---|
| `global` | the public torrent of all; else its user's own | of all, if public; of its user, if private |
| `user` | its user's own; else one of all that he has a job on | of its user |
| `off` | nothing | of its user, unshared |
"""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.rows import TorrentRow
from tseeder_jobs.domain.torrent import Metainfo
from tseeder_jobs.store import torrents
from tseeder_jobs.store.torrents import Asked
from tseeder_jobs.usecases import sealing
from tseeder_jobs.usecases.context import Context
from tseeder_pg import Tx


async def find(ctx: Context, tx: Tx, user_id: UUID, asked: Asked, *, unverified: bool) -> TorrentRow | None:
    """The torrent with these digests that a new job of this user joins; `unverified`: or his own magnet of it. The
    digest locks are held."""
    dedupe = ctx.settings.dedupe
    if dedupe == "off":
        return None
    found = await torrents.find_verified(tx, asked, None) if dedupe == "global" else None
    found = found or await torrents.find_verified(tx, asked, user_id)
    if found is None and dedupe == "user":
        found = await torrents.find_verified(tx, asked, None, held_by=user_id)
    if found is None and unverified:
        found = await torrents.find_magnet(tx, asked, user_id)
    return found


async def write_verified(ctx: Context, tx: Tx, torrent_id: UUID, user_id: UUID, meta: Metainfo) -> None:
    """Verify this user's row, whose info bytes these are. `find` found none, and the digest locks are held."""
    dedupe = ctx.settings.dedupe
    scope = None if dedupe == "global" and not meta.private else user_id
    sealed = sealing.seal_metadata(ctx.keyring, torrent_id, meta)
    await torrents.write_metadata(tx, torrent_id, scope, sealed, unshared=dedupe == "off")
