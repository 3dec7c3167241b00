"""Accept a job: parse, ask billing, and write job, torrent, transfer, idempotency record and event in one go."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from tseeder_jobs.domain.accounts import account_closed
from tseeder_jobs.domain.agent_calls import Sources
from tseeder_jobs.domain.magnet import Magnet, parse_info_hash, parse_magnet
from tseeder_jobs.domain.rows import JobRow, TorrentRow, UsageRow
from tseeder_jobs.domain.states import JobState, job_state_under
from tseeder_jobs.domain.takedowns import torrent_blocked
from tseeder_jobs.domain.torrent import Metainfo
from tseeder_jobs.store import (
    accounts,
    events,
    files,
    idempotency,
    jobs,
    locks,
    objects,
    primaries,
    takedowns,
    torrents,
    usage,
)
from tseeder_jobs.store.jobs import NewJob
from tseeder_jobs.usecases import sealing, sharing
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.entitle import lock_entitled
from tseeder_jobs.usecases.wish import changed_meanwhile, refresh_wish, start_transfer
from tseeder_kit.errors import conflict, forbidden, invalid, not_found, unprocessable
from tseeder_kit.ids import uuid7
from tseeder_kit.tracing import span
from tseeder_pg import Tx, retrying, transaction


@dataclass(frozen=True, slots=True)
class MagnetSource:
    """A magnet URI, as given."""

    uri: str


@dataclass(frozen=True, slots=True)
class InfoHashSource:
    """A bare info-hash, hex or base32."""

    text: str


@dataclass(frozen=True, slots=True)
class TorrentSource:
    """The bytes of a .torrent."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """What a user wishes. `selection` None: all files. `own_priority`: -1, 0 or 1. `name` and `idempotency_key`
    may be empty."""

    source: MagnetSource | InfoHashSource | TorrentSource
    name: str
    selection: list[int] | None
    own_priority: int
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class _Parsed:
    kind: str
    hashes: dict[str, str]
    sources: Sources
    hint: str | None
    meta: Metainfo | None


async def submit_job(ctx: Context, user_id: UUID, wish: Submission) -> tuple[JobRow, bool]:
    """Answers the job, committed, and whether it was a replay of the same request under its idempotency key."""
    with span("parse"):
        parsed = await _parse(ctx, wish)
    fingerprint = _fingerprint(ctx, parsed, wish)
    if wish.idempotency_key:
        async with transaction(ctx.pool) as tx:
            replay = await _replay(tx, user_id, wish.idempotency_key, fingerprint)
        if replay is not None:
            return replay, True
    with span("entitlements"):
        allowed = await ctx.billing.entitlements(user_id)
    bell = Doorbell()

    async def accept() -> tuple[JobRow, bool]:
        async with transaction(ctx.pool) as tx:
            if wish.idempotency_key:
                if not await locks.try_lock_idempotency(tx, user_id, wish.idempotency_key):
                    raise conflict("idempotency_in_flight", "A request with this Idempotency-Key is under way.")
                replay = await _replay(tx, user_id, wish.idempotency_key, fingerprint)
                if replay is not None:
                    return replay, True
            await locks.lock_digests(tx, sealing.digests_of(parsed.hashes))
            held = await lock_entitled(ctx, tx, user_id, allowed)
            return await _accept(ctx, tx, held, parsed, wish, fingerprint, bell), False

    with span("accept"):
        job, replayed = await retrying(accept)
    await bell.ring(ctx)
    if parsed.meta is not None and not replayed:
        ctx.absorb_now.set()
    return job, replayed


async def _parse(ctx: Context, wish: Submission) -> _Parsed:
    admit = ctx.settings.admit_private_hosts
    match wish.source:
        case MagnetSource(uri):
            return _of_magnet("magnet", parse_magnet(uri, admit_private=admit))
        case InfoHashSource(text):
            return _of_magnet("info_hash", parse_info_hash(text))
        case TorrentSource(data):
            meta = await ctx.parser.parse_torrent(data)
            return _Parsed("torrent", sealing.hashes_of(meta), Sources(meta.trackers, meta.web_seeds), None, meta)


def _of_magnet(kind: str, magnet: Magnet) -> _Parsed:
    both = {"v1": magnet.info_hash_v1, "v2": magnet.info_hash_v2}
    hashes = {name: value for name, value in both.items() if value is not None}
    return _Parsed(kind, hashes, Sources(magnet.trackers, magnet.web_seeds, magnet.peers), magnet.name, None)


def _fingerprint(ctx: Context, parsed: _Parsed, wish: Submission) -> bytes:
    """Of the parsed request: the same wish in other words (a magnet's order, a boundary) is the same. Keyed, since it
    stands in a row: nobody who reads the database can try out info-hashes on it."""
    parts = [parsed.kind, sorted(parsed.hashes.items()), parsed.sources.trackers, parsed.sources.web_seeds]
    text = json.dumps([*parts, parsed.sources.peers, wish.name, wish.selection, *_unusual(wish)])
    return hmac.digest(ctx.keyring.derived("idempotency"), text.encode(), "sha256")


def _unusual(wish: Submission) -> list[int]:
    """What requests did not have once: while it is what it was then, their fingerprints are those of then."""
    return [wish.own_priority] if wish.own_priority else []


async def _replay(tx: Tx, user_id: UUID, key: str, fingerprint: bytes) -> JobRow | None:
    record = await idempotency.read(tx, user_id, key)
    if record is None:
        return None
    if record[0] != fingerprint:
        raise unprocessable("idempotency_key_reused", "This Idempotency-Key was used with another request.")
    job = await jobs.read_own(tx, record[1], user_id)
    if job is None:
        raise not_found("job_not_found", "The job that this Idempotency-Key made was deleted.")
    return job


async def _accept(
    ctx: Context, tx: Tx, held: UsageRow, parsed: _Parsed, wish: Submission, fingerprint: bytes, bell: Doorbell
) -> JobRow:
    # Under the usage row's lock, and in a statement of its own: an account that was closed before is seen to be.
    closed = await accounts.closed(tx, held.user_id)
    if closed is not None:
        raise account_closed(closed)
    if held.live_jobs >= held.live_jobs_limit:
        raise forbidden("live_jobs_limit", "Your plan allows no more jobs at once.", limit=held.live_jobs_limit)
    if await takedowns.any_blocked(tx, sealing.blinds_of(ctx.keyring, parsed.hashes)):
        raise torrent_blocked()
    torrent = await _torrent_for(ctx, tx, held.user_id, parsed)
    if torrent.verified:
        if await takedowns.torrent_blocked(tx, torrent.torrent_id):
            raise torrent_blocked()
        await check_selection(tx, torrent.torrent_id, wish.selection)
        await check_quota(tx, held, torrent.torrent_id, wish.selection)
    job_id = uuid7()
    sealed = sealing.seal_sources(ctx.keyring, job_id, parsed.sources)
    job = NewJob(
        job_id=job_id,
        user_id=held.user_id,
        torrent_id=torrent.torrent_id,
        name=wish.name or None,
        hint=parsed.hint,
        selection=wish.selection,
        priority=held.priority,
        own_priority=wish.own_priority,
        source_kind=parsed.kind,
        source_ciphertext=sealed.ciphertext,
        key_id=sealed.key_id,
    )
    await _insert(tx, job, torrent, bell)
    if wish.idempotency_key:
        kept = timedelta(hours=ctx.settings.idempotency_hours)
        await idempotency.write(tx, held.user_id, wish.idempotency_key, fingerprint, job_id, kept)
    await events.append_changed(tx, [job_id])
    row = await jobs.read_own(tx, job_id, held.user_id)
    if row is None:
        raise changed_meanwhile()
    return row


async def _torrent_for(ctx: Context, tx: Tx, user_id: UUID, parsed: _Parsed) -> TorrentRow:
    """The torrent that this user's job is about, held; made if it is new. The digest locks are held."""
    asked = sealing.asked_of(ctx.keyring, parsed.hashes)
    found = await sharing.find(ctx, tx, user_id, asked, unverified=parsed.meta is None)
    if found is None and parsed.meta is not None:
        torrent_id = uuid7()
        await torrents.insert_empty(tx, torrent_id, user_id)
        await sharing.write_verified(ctx, tx, torrent_id, user_id, parsed.meta)
    elif found is None:
        torrent_id = uuid7()
        hashes = sealing.seal_hashes(ctx.keyring, torrent_id, parsed.hashes)
        await torrents.insert_magnet(tx, torrent_id, user_id, hashes)
    else:
        torrent_id = found.torrent_id
    held = await torrents.lock(tx, [torrent_id])
    if torrent_id not in held:
        raise changed_meanwhile()
    await torrents.keep(tx, torrent_id)
    return held[torrent_id]


async def check_selection(tx: Tx, torrent_id: UUID, selection: list[int] | None) -> None:
    """Refuse an index that the torrent does not have."""
    if selection is None:
        return
    unknown = await files.first_unknown_index(tx, torrent_id, selection)
    if unknown is not None:
        raise invalid("selection_out_of_range", f"The torrent has no file {unknown}.", file_index=unknown)


async def check_quota(tx: Tx, held: UsageRow, torrent_id: UUID, selection: list[int] | None) -> None:
    """Refuse what would take the user past his storage. His usage row is held."""
    _fits(held, await files.new_bytes(tx, torrent_id, held.user_id, selection))


async def check_growth(tx: Tx, before: UsageRow) -> None:
    """As `check_quota`, after a change that also gave something up: what the user holds now against `before` it."""
    now = await usage.read(tx, before.user_id)
    if now is not None:
        held = before.reserved_bytes + before.charged_bytes
        _fits(before, now.reserved_bytes + now.charged_bytes - held)


def _fits(held: UsageRow, wanted: int) -> None:
    free = max(held.storage_limit_bytes - held.reserved_bytes - held.charged_bytes, 0)
    if wanted > free:
        raise forbidden(
            "storage_quota_exceeded",
            "This does not fit into your plan's storage.",
            wanted_bytes=wanted,
            free_bytes=free,
            limit_bytes=held.storage_limit_bytes,
        )


async def _insert(tx: Tx, job: NewJob, torrent: TorrentRow, bell: Doorbell) -> None:
    stored = torrent.verified and not await torrents.count_missing(tx, torrent.torrent_id, job.selection)
    transfer = None
    if stored:
        await jobs.insert(tx, job, JobState.COMPLETED, None)
    else:
        transfer = await start_transfer(tx, torrent.torrent_id, job.user_id, job.priority, bell)
        await jobs.insert(tx, job, job_state_under(transfer.state), transfer.transfer_id)
        await usage.add_live_jobs(tx, job.user_id, 1)
    if torrent.verified:
        await files.insert_all(tx, job.job_id, job.user_id, torrent.torrent_id, job.selection)
        await primaries.refresh(tx, job.job_id)
        await jobs.count_files(tx, [job.job_id])
        await usage.recharge(tx, [job.user_id], torrent.torrent_id)
        await objects.collect(tx, await objects.entries_of_job(tx, job.job_id))
    if transfer is not None:
        await refresh_wish(tx, transfer, bell)
