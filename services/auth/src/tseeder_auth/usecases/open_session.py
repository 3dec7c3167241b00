"""A session for whoever has proven himself: by a password, by a provider, or by one that he had."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tseeder_auth.domain.accounts import Client, LoginRules, Method, User
from tseeder_auth.domain.tokens import csrf_token, token_hash
from tseeder_auth.store import sessions
from tseeder_kit.ids import random_token, uuid7
from tseeder_pg import Tx

MAX_SESSIONS: Final = 100
"""Of one user: who signs in by a script and never out has no more, and the rows of one account stay few."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session with the two secrets that only its client gets."""

    user: User
    session_token: str
    csrf_token: str
    expires_at: datetime


async def open_session(
    tx: Tx, rules: LoginRules, user: User, client: Client, *, method: Method, second_factor: bool
) -> NewSession:
    """Opens one under a new secret; the caller holds the user's lock, and has seen that he may.

    Of more than a hundred those that were used least lately end.
    """
    token = random_token()
    await sessions.end_oldest(tx, user.user_id, MAX_SESSIONS - 1)
    expires_at = await sessions.insert_session(
        tx,
        uuid7(),
        token_hash(token),
        user.user_id,
        client,
        lifetime=rules.session_lifetime,
        method=method,
        second_factor=second_factor,
    )
    return NewSession(user, token, csrf_token(token), expires_at)
