"""Second factors: one TOTP secret a user, and the codes for when it is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.store.rows import rows_of
from tseeder_pg import Record, Tx


@dataclass(frozen=True, slots=True)
class Factor:
    """A sealed secret, and whose it is."""

    user_id: UUID
    key_id: str
    secret_sealed: bytes
    confirmed: bool


START_FACTOR: Final[str] = """
INSERT INTO totp_factors (user_id, secret_sealed, key_id) VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO UPDATE
SET secret_sealed = excluded.secret_sealed, key_id = excluded.key_id, created_at = clock_timestamp(), last_step = NULL
WHERE totp_factors.confirmed_at IS NULL
RETURNING user_id
"""


async def start_factor(tx: Tx, user_id: UUID, key_id: str, secret_sealed: bytes) -> bool:
    """Begins an enrolment, in the place of an earlier one; False if there is a confirmed factor."""
    return await tx.fetchval(START_FACTOR, user_id, secret_sealed, key_id) is not None


FACTOR_OF_USER: Final[str] = """
SELECT user_id, key_id, secret_sealed, confirmed_at IS NOT NULL AS confirmed FROM totp_factors
WHERE user_id = $1 AND (confirmed_at IS NOT NULL OR created_at > clock_timestamp() - $2::interval)
"""


async def find_factor(tx: Tx, user_id: UUID, enrolment: timedelta) -> Factor | None:
    """The user's factor: a confirmed one, or an enrolment that began within `enrolment`."""
    row = await tx.fetchrow(FACTOR_OF_USER, user_id, enrolment)
    return None if row is None else _factor(row)


TAKE_STEP: Final[str] = """
UPDATE totp_factors SET last_step = $2 WHERE user_id = $1 AND (last_step IS NULL OR last_step < $2)
RETURNING user_id
"""


async def take_step(tx: Tx, user_id: UUID, step: int) -> bool:
    """Uses up this step and all before it; False if that was done already, by whoever commits first."""
    return await tx.fetchval(TAKE_STEP, user_id, step) is not None


CONFIRM_FACTOR: Final[str] = """
UPDATE totp_factors SET confirmed_at = clock_timestamp() WHERE user_id = $1 AND confirmed_at IS NULL
"""


async def confirm_factor(tx: Tx, user_id: UUID) -> None:
    """From now on it is asked for."""
    await tx.execute(CONFIRM_FACTOR, user_id)


DELETE_FACTOR: Final[str] = "DELETE FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL RETURNING user_id"


async def delete_factor(tx: Tx, user_id: UUID) -> bool:
    """Takes a confirmed factor away; False if there is none."""
    return await tx.fetchval(DELETE_FACTOR, user_id) is not None


DELETE_CODES: Final[str] = "DELETE FROM recovery_codes WHERE user_id = $1"


async def delete_codes(tx: Tx, user_id: UUID) -> None:
    """None of the user's recovery codes opens anything any more."""
    await tx.execute(DELETE_CODES, user_id)


INSERT_CODES: Final[str] = "INSERT INTO recovery_codes (user_id, code_hash) SELECT $1, unnest($2::bytea[])"


async def insert_codes(tx: Tx, user_id: UUID, hashes: Sequence[bytes]) -> None:
    """New ones."""
    await tx.execute(INSERT_CODES, user_id, list(hashes))


USE_CODE: Final[str] = """
UPDATE recovery_codes SET used_at = clock_timestamp() WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL
RETURNING (SELECT count(*) FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL) - 1
"""


async def use_code(tx: Tx, user_id: UUID, code_hash: bytes) -> int | None:
    """Uses up a recovery code, and gives how many are left; None if it is none, or was used."""
    left: int | None = await tx.fetchval(USE_CODE, user_id, code_hash)
    return left


ONE_OF_EACH_KEY: Final[str] = """
SELECT DISTINCT ON (key_id) user_id, key_id, secret_sealed, confirmed_at IS NOT NULL AS confirmed
FROM totp_factors ORDER BY key_id, created_at
"""


async def one_of_each_key(tx: Tx) -> Sequence[Factor]:
    """A factor sealed with each key that factors were sealed with."""
    return [_factor(row) for row in await tx.fetch(ONE_OF_EACH_KEY)]


PURGE_ENROLMENTS: Final[str] = """
DELETE FROM totp_factors WHERE user_id IN (
    SELECT user_id FROM totp_factors
    WHERE confirmed_at IS NULL AND created_at < clock_timestamp() - $1::interval
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
"""


async def purge_enrolments(tx: Tx, enrolment: timedelta, batch: int) -> int:
    """Deletes at most `batch` enrolments that nobody finished; how many."""
    return rows_of(await tx.execute(PURGE_ENROLMENTS, enrolment, batch))


PURGE_CHALLENGES: Final[str] = """
DELETE FROM sign_in_challenges WHERE challenge_hash IN (
    SELECT challenge_hash FROM sign_in_challenges WHERE expires_at < clock_timestamp()
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
"""


async def purge_challenges(tx: Tx, batch: int) -> int:
    """Deletes at most `batch` challenges that are over; how many."""
    return rows_of(await tx.execute(PURGE_CHALLENGES, batch))


def _factor(row: Record) -> Factor:
    return Factor(row["user_id"], row["key_id"], row["secret_sealed"], row["confirmed"])
