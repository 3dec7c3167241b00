"""At the start: the keys, and the proof that they are those that the rows were written with."""

from __future__ import annotations

from pathlib import Path

from tseeder_jobs.adapters.crypto import Keyring, KeyringError, read_key_file, write_key_file
from tseeder_jobs.store import crypto_keys
from tseeder_jobs.store.crypto_keys import KeyRow
from tseeder_kit.logging import get_logger
from tseeder_pg import Pool, transaction

_log = get_logger(__name__)


async def open_keyring(pool: Pool, path: Path, *, generate: bool) -> Keyring:
    """The installation's keys.

    KeyringError, one line, if the file is missing and may not be made (`generate`), if rows were written with a key
    that it lacks, or with another key of the same id. A file is made only for a database without any encrypted row:
    for another one new keys would be of no use, and would hide that the old ones are lost.
    """
    async with transaction(pool) as tx:
        known = await crypto_keys.list_keys(tx)
    keyring = read_key_file(path)
    if keyring is None:
        keyring = _make(path, known, generate=generate)
    async with transaction(pool) as tx:
        for key in keyring.keys.values():
            await crypto_keys.add_key(tx, KeyRow(key.key_id, key.kind, key.check_value))
        # Read back: another replica may have started with another file at the same moment.
        _compare(keyring, await crypto_keys.list_keys(tx), path)
    return keyring


def _make(path: Path, known: list[KeyRow], *, generate: bool) -> Keyring:
    if known:
        wanted = ", ".join(row.key_id for row in known)
        raise KeyringError(f"the key file {path} is missing, and the database needs its keys ({wanted}): restore it")
    if not generate:
        raise KeyringError(f"the key file {path} is missing; make one, or set TSEEDER_JOBS_CRYPTO_GENERATE=true")
    keyring = write_key_file(path)
    _log.warning(
        "key_file_generated",
        path=str(path),
        advice="BACK UP THIS FILE NOW, apart from the database: without it no job in the database can be read.",
    )
    return keyring


def _compare(keyring: Keyring, known: list[KeyRow], path: Path) -> None:
    missing = [row.key_id for row in known if row.key_id not in keyring.keys]
    if missing:
        raise KeyringError(f"the key file {path} lacks keys that rows were written with: {', '.join(missing)}")
    other = [row.key_id for row in known if row.check_value != keyring.keys[row.key_id].check_value]
    if other:
        raise KeyringError(
            f"the key file {path} holds other keys than rows were written with: {', '.join(other)}; restore them"
        )
