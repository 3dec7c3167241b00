"""The one-time token that makes the first superadmin, for whoever can run a command beside the database."""

from datetime import timedelta

from tseeder_auth.domain.tokens import token_hash
from tseeder_auth.store import bootstrap_tokens, users
from tseeder_kit.errors import conflict
from tseeder_kit.ids import random_token
from tseeder_pg import Pool, transaction


async def issue_bootstrap_token(pool: Pool, lifetime: timedelta) -> str:
    """A new token, in place of any earlier one; raises CONFLICT `already_bootstrapped` if a superadmin exists."""
    token = random_token()
    async with transaction(pool) as tx:
        await bootstrap_tokens.lock_bootstrap(tx)
        if await users.superadmin_exists(tx):
            raise conflict("already_bootstrapped", "A superadmin exists already; sign in as one to make others.")
        await bootstrap_tokens.replace_token(tx, token_hash(token), lifetime)
    return token
