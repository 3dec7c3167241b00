"""A sign-in without a password, of an account that has a second factor: it waits for a code."""

from datetime import timedelta
from typing import Final, Protocol
from uuid import UUID

from tseeder_auth.domain.accounts import Client, LoginRules, Method, User
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.domain.tokens import token_hash
from tseeder_auth.store import challenges, security_events, users
from tseeder_auth.usecases.open_session import NewSession, open_session
from tseeder_kit.errors import AppError, forbidden, unauthenticated
from tseeder_kit.ids import random_token
from tseeder_pg import Pool, Tx, transaction

LIFETIME: Final = timedelta(minutes=5)
MOST_TRIES: Final = 5


class CheckCode(Protocol):
    """Takes a code of the second factor, once; whether it is good."""

    async def __call__(self, tx: Tx, user_id: UUID, code: str) -> bool:
        """The caller holds the user's lock, and commits: a code that was taken stays taken."""
        ...


async def challenge_sign_in(tx: Tx, user: User, method: Method) -> str:
    """A secret of 256 bits in place of a session; good for five minutes and as many tries."""
    challenge = random_token()
    await challenges.insert_challenge(tx, token_hash(challenge), user.user_id, method, LIFETIME)
    return challenge


async def answer_challenge(
    pool: Pool, rules: LoginRules, check_code: CheckCode, challenge: str, code: str, client: Client
) -> NewSession:
    """The session that a challenge and a good code are worth. A try counts before the code is looked at.

    Errors: UNAUTHENTICATED `challenge_invalid` (unknown, used, too late, tried too often), `second_factor_invalid`;
    FORBIDDEN `account_suspended`.
    """
    hashed = token_hash(challenge)
    async with transaction(pool) as tx:
        user_id = await challenges.try_challenge(tx, hashed, MOST_TRIES)
    if user_id is None:
        raise _over()
    async with transaction(pool) as tx:
        session = await _answered(tx, rules, check_code, hashed, code, user_id, client)
        if session is None:
            details = {"code": "second_factor_invalid"}
            await security_events.record(tx, EventKind.LOGIN_REFUSED, user_id, client, details=details)
    if session is None:
        raise unauthenticated("second_factor_invalid", "The code is not valid.")
    return session


async def _answered(
    tx: Tx, rules: LoginRules, check_code: CheckCode, hashed: bytes, code: str, user_id: UUID, client: Client
) -> NewSession | None:
    """None for a wrong code, which leaves the challenge where it is."""
    found = await users.lock_credentials(tx, user_id)
    if found is None:
        raise _over()
    if found.user.suspended:
        raise forbidden("account_suspended", "This account is suspended.")
    if not await check_code(tx, user_id, code):
        return None
    method = await challenges.take_challenge(tx, hashed)
    if method is None:
        raise _over()
    await security_events.record(tx, EventKind.LOGIN_DONE, user_id, client, details={"method": method})
    return await open_session(tx, rules, found.user, client, method=method, second_factor=True)


def _over() -> AppError:
    return unauthenticated("challenge_invalid", "This sign-in is over. Begin it again.")
