"""At the start: the key file, and the proof that it opens what the rows hold."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from tseeder_auth.adapters.sealing import KeyringError, Sealed, Sealer, read_key_file, write_key_file
from tseeder_auth.store import factors
from tseeder_auth.store.factors import Factor
from tseeder_kit.errors import AppError
from tseeder_kit.logging import get_logger
from tseeder_kit.loops import pauses
from tseeder_pg import Pool, transaction

_LONGEST_PAUSE: Final = timedelta(seconds=2)
_log = get_logger(__name__)


async def open_sealer(pool: Pool, path: Path, *, generate: bool) -> Sealer:
    """The installation's keys.

    KeyringError, one line, if the file is missing and may not be made (`generate`), or does not open the factors that
    there are. A file is made only for a database without any factor, so for that Postgres is waited for; a file that
    is there is taken as it is while Postgres does not answer.
    """
    sealer = read_key_file(path)
    if sealer is not None:
        try:
            _compare(sealer, await _kept(pool), path)
        except AppError as exc:
            if not exc.retryable:
                raise
            _log.warning("keys_unchecked", code=exc.code)
        return sealer
    if not generate:
        raise KeyringError(
            f"CRYPTO_KEYS: the key file {path} is missing; restore it, or set TSEEDER_AUTH_CRYPTO_GENERATE=true"
        )
    return await _make(pool, path)


async def _make(pool: Pool, path: Path) -> Sealer:
    next_pause = pauses(longest=_LONGEST_PAUSE.total_seconds())
    while True:
        try:
            kept = await _kept(pool)
            break
        except AppError as exc:
            if not exc.retryable:
                raise
            _log.warning("start_waits", code=exc.code)
            await asyncio.sleep(next_pause())
    if kept:
        wanted = ", ".join(factor.key_id for factor in kept)
        raise KeyringError(
            f"CRYPTO_KEYS: the key file {path} is missing, and the database needs its keys ({wanted}): restore it"
        )
    sealer = write_key_file(path)
    _log.warning(
        "key_file_generated",
        path=str(path),
        advice="BACK UP THIS FILE NOW, apart from the database: without it no second factor can be checked.",
    )
    return sealer


async def _kept(pool: Pool) -> Sequence[Factor]:
    async with transaction(pool, readonly=True) as tx:
        return await factors.one_of_each_key(tx)


def _compare(sealer: Sealer, kept: Sequence[Factor], path: Path) -> None:
    for factor in kept:
        try:
            sealer.open(Sealed(factor.key_id, factor.secret_sealed), factor.user_id)
        except AppError as exc:
            raise KeyringError(
                f"CRYPTO_KEYS: the key file {path} does not open what was sealed with {factor.key_id}"
                f" ({exc.code}): restore it"
            ) from None
