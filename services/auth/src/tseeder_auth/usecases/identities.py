"""What signs in to one's account beside a password."""

from collections.abc import Sequence

from tseeder_auth.domain.accounts import Client, Identity
from tseeder_auth.domain.roles import Caller
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import oidc_identities, security_events
from tseeder_auth.usecases.prove import lock_caller
from tseeder_kit.errors import conflict, not_found
from tseeder_pg import Pool, transaction


async def list_identities(pool: Pool, caller: Caller) -> Sequence[Identity]:
    """The caller's, the oldest first. Errors: FORBIDDEN `scope_missing`."""
    caller.require("me:read")
    async with transaction(pool, readonly=True) as tx:
        return await oidc_identities.list_identities(tx, caller.user_id)


async def unlink_identity(pool: Pool, caller: Caller, provider: str, subject: str, client: Client) -> None:
    """Takes a link of the caller's away.

    Errors: FORBIDDEN `scope_missing`, `account_suspended`; UNAUTHENTICATED `session_invalid`; NOT_FOUND
    `identity_not_found`, also for another user's; CONFLICT `last_credential` for the only way to sign in.
    """
    caller.require("me:write")
    async with transaction(pool) as tx:
        found = await lock_caller(tx, caller)
        linked = await oidc_identities.list_identities(tx, caller.user_id)
        if (provider, subject) not in {(each.provider, each.subject) for each in linked}:
            raise not_found("identity_not_found", "No such sign-in is linked.")
        if found.password_hash is None and len(linked) == 1:
            raise conflict("last_credential", "This is the only way to sign in to the account.")
        await oidc_identities.unlink_identity(tx, caller.user_id, provider, subject)
        details = {"provider": provider}
        await security_events.record(tx, EventKind.IDENTITY_UNLINKED, caller.user_id, client, details=details)
