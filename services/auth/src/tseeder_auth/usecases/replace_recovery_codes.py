"""New recovery codes."""

from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import security_events
from tseeder_auth.usecases.confirm_totp import write_codes
from tseeder_auth.usecases.disable_totp import not_on
from tseeder_auth.usecases.prove import Proven, lock_proven
from tseeder_pg import Pool, transaction


async def replace_recovery_codes(pool: Pool, proven: Proven, client: Client) -> tuple[str, ...]:
    """Ten new ones; none of those before opens anything any more. The user has proven himself.

    Errors: those of `lock_proven`; CONFLICT `totp_not_on`.
    """
    async with transaction(pool) as tx:
        user, _ = await lock_proven(tx, proven)
        if not user.second_factor:
            raise not_on()
        codes = await write_codes(tx, proven.user_id)
        await security_events.record(tx, EventKind.RECOVERY_CODES_REPLACED, proven.user_id, client)
        return codes
