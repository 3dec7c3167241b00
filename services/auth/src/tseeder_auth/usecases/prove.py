"""Proving once more who one is, before what cannot be undone."""

from dataclasses import dataclass, field

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.domain import throttle
from tseeder_auth.domain.accounts import Client, LoginRules
from tseeder_auth.domain.passwords import prepare_password
from tseeder_auth.domain.roles import Caller
from tseeder_auth.store import throttles, users
from tseeder_auth.usecases.lock_account import user_not_found
from tseeder_kit.errors import forbidden
from tseeder_pg import Pool, transaction


@dataclass(frozen=True, slots=True)
class Proof:
    """What the user gives: his password, and the code of his second factor, "" where there is none."""

    password: str = field(repr=False)
    code: str = field(repr=False)


async def prove(
    pool: Pool, hasher: Argon2Pool, rules: LoginRules, caller: Caller, proof: Proof, _client: Client
) -> None:
    """Errors: FORBIDDEN `proof_failed`; INVALID `password_too_long`; NOT_FOUND `user_not_found`; EXHAUSTED
    `login_throttled`; UNAVAILABLE `auth_busy`. A failed try counts as a failed sign-in of the account.
    """
    password = prepare_password(proof.password)
    with hasher.place():
        async with transaction(pool) as tx:
            known = await users.find_user_and_key(tx, caller.user_id)
            if known is None:
                raise user_not_found()
            subject = throttle.account_subject(known[1])
            tally, now = await throttles.lock_tally(tx, "account", subject)
            await throttles.save_tally(tx, "account", subject, throttle.admit(rules.account, tally, now))
            held = await users.find_credentials(tx, known[1])
        if not await hasher.verify(held.password_hash if held else None, password):
            raise forbidden("proof_failed", "The password is wrong.")
    async with transaction(pool) as tx:
        await throttles.delete_tally(tx, "account", subject)
