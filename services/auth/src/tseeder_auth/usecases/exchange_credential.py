"""A session or an API key for an identity token."""

from dataclasses import dataclass

from tseeder_auth.adapters.identity_key import IdentityToken, Signer
from tseeder_auth.domain.accounts import LoginRules, User
from tseeder_auth.domain.roles import SCOPES, effective, without_factor
from tseeder_auth.domain.tokens import csrf_token, parse_api_key, token_hash
from tseeder_auth.store import api_keys, sessions
from tseeder_kit import clock
from tseeder_kit.errors import forbidden, unauthenticated
from tseeder_pg import Pool, transaction


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a credential stands for; `csrf_token` is "" for an API key."""

    token: IdentityToken
    user: User
    scopes: tuple[str, ...]
    csrf_token: str
    second_factor_required: bool  # scopes were taken away for want of one


async def exchange_session(pool: Pool, signer: Signer, rules: LoginRules, session_token: str) -> Identity:
    """Errors: UNAUTHENTICATED `session_invalid` (unknown, ended, expired, idle); FORBIDDEN `account_suspended`."""
    async with transaction(pool) as tx:
        found = await sessions.find_open_session(tx, token_hash(session_token), rules.session_idle)
        if found is None:
            raise unauthenticated("session_invalid", "The session is over; sign in again.")
        _check_not_suspended(found.user)
        await sessions.touch_session(tx, found.session_id, rules.touch_interval)
    scopes = held = SCOPES[found.user.role]
    if rules.operators_need_factor and not (found.second_factor and found.user.second_factor):
        scopes = without_factor(found.user.role, held, by_session=True)
    token = signer.mint(found.user.user_id, found.user.role, scopes, found.session_id, clock.now())
    return Identity(token, found.user, scopes, csrf_token(session_token), second_factor_required=scopes != held)


async def exchange_api_key(pool: Pool, signer: Signer, rules: LoginRules, text: str) -> Identity:
    """Errors: UNAUTHENTICATED `api_key_invalid` (unknown, revoked, expired); FORBIDDEN `account_suspended`."""
    invalid_key = unauthenticated("api_key_invalid", "The API key is not valid.")
    if parse_api_key(text) is None:
        raise invalid_key
    async with transaction(pool) as tx:
        found = await api_keys.find_open_key(tx, token_hash(text))
        if found is None:
            raise invalid_key
        _check_not_suspended(found.user)
        await api_keys.touch_key(tx, found.key_id, rules.touch_interval)
    scopes = held = effective(found.user.role, found.scopes)
    if rules.operators_need_factor and not found.user.second_factor:
        scopes = without_factor(found.user.role, held, by_session=False)
    token = signer.mint(found.user.user_id, found.user.role, scopes, None, clock.now())
    return Identity(token, found.user, scopes, "", second_factor_required=scopes != held)


def _check_not_suspended(user: User) -> None:
    if user.suspended:
        raise forbidden("account_suspended", "This account is suspended.")
