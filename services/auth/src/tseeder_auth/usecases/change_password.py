"""Another password, for who knows the present one."""

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.adapters.sealing import Sealer
from tseeder_auth.domain.accounts import Client, LoginRules, Method, User
from tseeder_auth.domain.mails import MailKind
from tseeder_auth.domain.roles import Caller
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import mail_tokens, mails, security_events, users
from tseeder_auth.usecases.accept_password import accept_password
from tseeder_auth.usecases.open_session import NewSession, open_session
from tseeder_auth.usecases.prove import Proof, lock_proven, prove
from tseeder_auth.usecases.session_ends import end_sessions_of
from tseeder_pg import Pool, Tx, feed, transaction


async def change_password(
    pool: Pool,
    hasher: Argon2Pool,
    rules: LoginRules,
    sealer: Sealer,
    caller: Caller,
    proof: Proof,
    new_password: str,
    client: Client,
) -> NewSession:
    """Sets the password, ends every session, and goes on in a new one in place of the caller's.

    Errors: FORBIDDEN `scope_missing`, `session_needed` (an API key calls), `account_suspended`; those of `prove`;
    INVALID for the new password; UNAUTHENTICATED `session_invalid` if the session has ended meanwhile.
    """
    caller.require("me:write")
    caller.require_session()
    prepared = accept_password(new_password)
    proven = await prove(pool, hasher, rules, sealer, caller, proof, client)
    with hasher.place():
        password_hash = await hasher.hash(prepared)
    async with transaction(pool) as tx:
        user, method = await lock_proven(tx, proven)
        session = await _replace_sessions(tx, rules, user, method, client)
        await users.set_password_hash(tx, caller.user_id, password_hash)
        await mail_tokens.use_up(tx, caller.user_id, ("reset",))
        await mails.delete_unsent(tx, caller.user_id, MailKind.RESET)  # or its token would be a fresh one
        await security_events.record(tx, EventKind.PASSWORD_CHANGED, caller.user_id, client)
        await mails.enqueue(tx, MailKind.PASSWORD_CHANGED, caller.user_id, user.email)
    return session


async def _replace_sessions(tx: Tx, rules: LoginRules, user: User, method: Method, client: Client) -> NewSession:
    await end_sessions_of(tx, user.user_id)
    await feed.append(tx, "user.sessions_ended", user.user_id, {"reason": "password_changed"})
    return await open_session(tx, rules, user, client, method=method, second_factor=user.second_factor)
