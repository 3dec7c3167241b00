"""A code of a second factor: an authenticator's, whose steps open once each, or a recovery code, which opens once."""

from uuid import UUID

from tseeder_auth.adapters.sealing import Sealed, Sealer
from tseeder_auth.adapters.totp import matching_steps
from tseeder_auth.domain import throttle
from tseeder_auth.domain.accounts import Client, LoginRules
from tseeder_auth.domain.recovery_codes import code_hash, is_totp, plain
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import factors, security_events, throttles
from tseeder_auth.store.factors import Factor
from tseeder_kit import clock
from tseeder_kit.errors import AppError, unauthenticated
from tseeder_pg import Pool, Tx, transaction


async def admit_code(pool: Pool, rules: LoginRules, user_id: UUID) -> None:
    """Counts a try, for good: before the transaction in which the code is taken.

    Raises EXHAUSTED `login_throttled` with `retry_after_seconds`.
    """
    subject = throttle.factor_subject(user_id)
    async with transaction(pool) as tx:
        tally, now = await throttles.lock_tally(tx, "factor", subject)
        await throttles.save_tally(tx, "factor", subject, throttle.admit(rules.factor, tally, now))


async def take_code(tx: Tx, user_id: UUID, code: str, client: Client, *, rules: LoginRules, sealer: Sealer) -> None:
    """Uses up a code of the user's confirmed factor, and forgives the tries before it; `admit_code` was called.

    Raises UNAUTHENTICATED `second_factor_invalid`, also for a code that was used before.
    """
    if is_totp(code):
        factor = await factors.find_factor(tx, user_id, rules.enrolment)
        if factor is None or not factor.confirmed:
            raise invalid_code()
        await take_totp(tx, sealer, factor, code)
    else:
        left = await factors.use_code(tx, user_id, code_hash(user_id, code))
        if left is None:
            raise invalid_code()
        await security_events.record(
            tx, EventKind.RECOVERY_CODE_USED, user_id, client, details={"codes_left": str(left)}
        )
    await throttles.delete_tally(tx, "factor", throttle.factor_subject(user_id))


async def take_totp(tx: Tx, sealer: Sealer, factor: Factor, code: str) -> None:
    """Uses up the step of an authenticator's code; raises UNAUTHENTICATED `second_factor_invalid`."""
    secret = sealer.open(Sealed(factor.key_id, factor.secret_sealed), factor.user_id).decode()
    for step in matching_steps(secret, plain(code), clock.now()):
        if await factors.take_step(tx, factor.user_id, step):
            return
    raise invalid_code()


def invalid_code() -> AppError:
    """The same for a wrong code and for a used one."""
    return unauthenticated("second_factor_invalid", "This code is wrong, or was used before.")


def code_required() -> AppError:
    """Only for who has shown the first factor."""
    return unauthenticated("second_factor_required", "This account needs the code of its second factor, too.")
