"""A sign-in without a password, of an account that has a second factor: it waits for a code."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import Client, LoginRules, Method, User
from tseeder_auth.domain.oidc import NewIdentity
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.domain.tokens import token_hash
from tseeder_auth.store import challenges, security_events, users
from tseeder_auth.usecases.link_identity import link_known
from tseeder_auth.usecases.open_session import NewSession, open_session
from tseeder_kit.errors import AppError, forbidden, unauthenticated
from tseeder_kit.ids import random_token
from tseeder_pg import Pool, Tx, transaction

LIFETIME: Final = timedelta(minutes=5)
MOST_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """How a code is checked."""

    admit: Callable[[UUID], Awaitable[None]]
    """Counts a try, for good; raises EXHAUSTED `login_throttled`."""
    take: Callable[[Tx, UUID, str, Client], Awaitable[None]]
    """Uses up a code of the user's; raises UNAUTHENTICATED `second_factor_invalid`. The caller holds his lock."""


async def challenge_sign_in(tx: Tx, user: User, method: Method, to_link: NewIdentity | None) -> str:
    """A secret of 256 bits in place of a session; good for five minutes and as many tries. `to_link` is linked when it
    is answered, and not before."""
    challenge = random_token()
    await challenges.insert_challenge(tx, token_hash(challenge), user.user_id, method, LIFETIME, to_link)
    return challenge


async def answer_challenge(
    pool: Pool, rules: LoginRules, factor: SecondFactor, challenge: str, code: str, client: Client
) -> NewSession:
    """The session that a challenge and a good code are worth. A try counts before the code is looked at.

    Errors: UNAUTHENTICATED `challenge_invalid` (unknown, used, too late, tried too often), `second_factor_invalid`;
    FORBIDDEN `account_suspended`, `oidc_link_refused`; EXHAUSTED `login_throttled` with `retry_after_seconds`.
    """
    hashed = token_hash(challenge)
    async with transaction(pool) as tx:
        user_id = await challenges.try_challenge(tx, hashed, MOST_TRIES)
    if user_id is None:
        raise _over()
    await factor.admit(user_id)
    try:
        async with transaction(pool) as tx:
            return await _answered(tx, rules, factor, hashed, code, user_id, client)
    except AppError as exc:
        if exc.code == "second_factor_invalid":
            async with transaction(pool) as tx:
                details = {"code": exc.code}
                await security_events.record(tx, EventKind.LOGIN_REFUSED, user_id, client, details=details)
        raise


async def _answered(
    tx: Tx, rules: LoginRules, factor: SecondFactor, hashed: bytes, code: str, user_id: UUID, client: Client
) -> NewSession:
    """A wrong code raises, and leaves the challenge where it is."""
    found = await users.lock_credentials(tx, user_id)
    if found is None:
        raise _over()
    if found.user.suspended:
        raise forbidden("account_suspended", "This account is suspended.")
    await factor.take(tx, user_id, code, client)
    taken = await challenges.take_challenge(tx, hashed)
    if taken is None:
        raise _over()
    method, to_link = taken
    if to_link is not None:
        await link_known(tx, found.user, to_link, client)
    await security_events.record(tx, EventKind.LOGIN_DONE, user_id, client, details={"method": method})
    return await open_session(tx, rules, found.user, client, method=method, second_factor=True)


def _over() -> AppError:
    return unauthenticated("challenge_invalid", "This sign-in is over. Begin it again.")
