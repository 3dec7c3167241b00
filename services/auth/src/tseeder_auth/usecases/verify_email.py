"""Showing that a mail address is one's own."""

from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.tokens import token_hash
from tseeder_auth.usecases.redeem_mail_token import mark_verified, redeem
from tseeder_pg import Pool, transaction


async def verify_email(pool: Pool, token: str, client: Client) -> None:
    """From now on the account can be signed in to; nobody is signed in by this.

    Errors: INVALID `token_invalid`.
    """
    async with transaction(pool) as tx:
        owner = await redeem(tx, token_hash(token), "verify")
        await mark_verified(tx, owner, client)
