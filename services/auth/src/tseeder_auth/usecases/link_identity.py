"""An account for a provider's subject that is not linked yet."""

from tseeder_auth.domain.accounts import Client, User
from tseeder_auth.domain.emails import Email, parse_email
from tseeder_auth.domain.mails import MailKind
from tseeder_auth.domain.oidc import Claims, NewIdentity, is_same_address
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.domain.roles import Role
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import mails, oidc_identities, security_events, users
from tseeder_auth.usecases.create_user import announce_user
from tseeder_kit.errors import AppError, forbidden
from tseeder_kit.ids import uuid7
from tseeder_pg import Tx


async def link_account(
    tx: Tx, provider: str, claims: Claims, client: Client, registration: RegistrationRules, accepted_terms_version: str
) -> User:
    """The account with the subject's address, or a new one; locked, and linked. An account with a second factor
    is linked when that was shown.

    An address links only if both sides have shown it to be the user's own: else whoever registered a stranger's address
    first would share his account. Errors: FORBIDDEN `oidc_email_unverified`, `oidc_link_refused`,
    `registration_closed`; INVALID `terms_not_accepted`.
    """
    email, identity = _vouched_for(claims), NewIdentity(provider, claims.subject, claims.email)
    user = await _existing(tx, email)
    if user is None:
        user = await _new(tx, email, client, registration, accepted_terms_version)
        await _link(tx, user, identity, client)
    elif not user.second_factor:
        await link_known(tx, user, identity, client)
    return user


async def link_known(tx: Tx, user: User, identity: NewIdentity, client: Client) -> None:
    """Links a subject to an account that was there before, whose row is held, and tells its owner.

    Errors: FORBIDDEN `oidc_link_refused`.
    """
    if await oidc_identities.find_identity(tx, identity.provider, identity.subject) != user.user_id:
        await _link(tx, user, identity, client)
        await mails.enqueue(tx, MailKind.IDENTITY_LINKED, user.user_id, user.email)


async def _link(tx: Tx, user: User, identity: NewIdentity, client: Client) -> None:
    if not await oidc_identities.link_identity(tx, identity.provider, identity.subject, user.user_id, identity.email):
        raise _refused()  # linked at this very moment: the next try finds it
    details = {"provider": identity.provider}
    await security_events.record(tx, EventKind.IDENTITY_LINKED, user.user_id, client, details=details)


def _vouched_for(claims: Claims) -> Email:
    unverified = forbidden("oidc_email_unverified", "The provider does not vouch for an e-mail address of yours.")
    if not claims.email_verified:
        raise unverified
    try:
        return parse_email(claims.email)
    except AppError:
        raise unverified from None


async def _existing(tx: Tx, email: Email) -> User | None:
    claimed = await users.find_credentials(tx, email.key)
    if claimed is None:
        return None
    locked = await users.lock_credentials(tx, claimed.user.user_id)
    if locked is not None and not locked.user.verified:
        # A registration of an earlier release that was never confirmed: whoever made it has shown nothing.
        await users.delete_unverified(tx, email.key)
        if await users.find_user(tx, locked.user.user_id) is None:
            return None
    if locked is None or not locked.user.verified or not is_same_address(locked.user.email, email):
        raise _refused()
    if locked.user.suspended:
        raise forbidden("account_suspended", "This account is suspended.")
    return locked.user


async def _new(
    tx: Tx, email: Email, client: Client, registration: RegistrationRules, accepted_terms_version: str
) -> User:
    registration.check_open(accepted_terms_version)
    user = await users.insert_user(tx, uuid7(), email, Role.USER, None, verified=True)
    if user is None:
        raise _refused()  # made at this very moment: the next try finds it
    await users.accept_terms(tx, user.user_id, accepted_terms_version)
    await announce_user(tx, user)
    await security_events.record(tx, EventKind.REGISTERED, user.user_id, client, details={"method": "oidc"})
    return user


def _refused() -> AppError:
    return forbidden(
        "oidc_link_refused", "There is an account with this address that the provider cannot be linked to."
    )
