"""Where the bytes of a link's file can be had, now, for who holds its token."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from tseeder_jobs.domain.links import (
    GUESSING,
    MAX_PASSWORD_CHARS,
    RESUMED_FOR,
    link_not_found,
    link_spent,
    password_required,
    prepared,
)
from tseeder_jobs.domain.reads import ReadSource
from tseeder_jobs.store import links
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.create_links import token_hash
from tseeder_jobs.usecases.open_read import open_read
from tseeder_kit.errors import AppError, exhausted
from tseeder_kit.throttle import seconds_left, take_back, tried
from tseeder_pg import transaction


@dataclass(frozen=True, slots=True)
class Opening:
    """Who comes: with which token and password ("": none), and whether he was handed bytes before."""

    token: str = field(repr=False)
    password: str = field(repr=False)
    begun: bool


async def open_link(ctx: Context, by: Opening, offset: int, stream_id: UUID | None = None) -> ReadSource:
    """As `open_read` for the link's owner, and one of his streams.

    Errors beside its own: NOT_FOUND `link_not_found`; UNAUTHENTICATED `link_password_required`; EXHAUSTED
    `link_throttled`; FORBIDDEN `link_spent` when there is nothing more to resume either; UNAVAILABLE
    `link_passwords_busy`.
    """
    async with transaction(ctx.pool, readonly=True) as tx:
        link = await links.held(tx, token_hash(by.token), RESUMED_FOR)
    if link is None:
        raise link_not_found()
    if link.password_hash is not None:
        await _check_password(ctx, link.link_id, link.password_hash, by.password)
    if link.spent and not by.begun:
        raise link_spent()
    try:
        return await open_read(ctx, link.user_id, link.file_id, offset, stream_id, by_link=True)
    except AppError as exc:
        if exc.code == "file_not_found":
            raise link_not_found() from exc
        raise


async def _check_password(ctx: Context, link_id: UUID, encoded: str, password: str) -> None:
    """What was right a moment ago is right: it costs nothing, and does not wait while others guess."""
    if not password or len(password) > MAX_PASSWORD_CHARS:
        raise password_required()
    text = prepared(password)
    if ctx.passwords.remembers(encoded, text):
        return
    async with ctx.passwords.turn(encoded, text):
        if ctx.passwords.remembers(encoded, text):
            return
        await _admit(ctx, link_id)
        if not await ctx.passwords.verify(encoded, text):
            raise password_required()
        await _forgive(ctx, link_id)


async def _admit(ctx: Context, link_id: UUID) -> None:
    """Counts a try as failed, or refuses it, and then does not count it."""
    async with transaction(ctx.pool) as tx:
        found = await links.lock_tally(tx, link_id)
        if found is None:
            raise link_not_found()
        tally, now = found
        seconds = seconds_left(tally, now)
        if seconds:
            raise exhausted(
                "link_throttled", "Too many wrong passwords were tried. Wait a while.", retry_after_seconds=seconds
            )
        await links.save_tally(tx, link_id, tried(GUESSING, tally, now))


async def _forgive(ctx: Context, link_id: UUID) -> None:
    """This try only: who knows the password must not give those who guess their tries back."""
    async with transaction(ctx.pool) as tx:
        found = await links.lock_tally(tx, link_id)
        if found is not None:
            await links.save_tally(tx, link_id, take_back(GUESSING, found[0]))
