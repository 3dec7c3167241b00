"""New recovery codes."""

from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.roles import Caller
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import security_events, users
from tseeder_auth.usecases.confirm_totp import write_codes
from tseeder_auth.usecases.disable_totp import not_on
from tseeder_auth.usecases.prove import session_over
from tseeder_pg import Pool, transaction


async def replace_recovery_codes(pool: Pool, caller: Caller, client: Client) -> tuple[str, ...]:
    """Ten new ones; none of those before opens anything any more. The caller has proven himself.

    Errors: UNAUTHENTICATED `session_invalid`; CONFLICT `totp_not_on`.
    """
    async with transaction(pool) as tx:
        current = await users.lock_credentials(tx, caller.user_id)
        if current is None:
            raise session_over()
        if not current.user.second_factor:
            raise not_on()
        codes = await write_codes(tx, caller)
        await security_events.record(tx, EventKind.RECOVERY_CODES_REPLACED, caller.user_id, client)
        return codes
