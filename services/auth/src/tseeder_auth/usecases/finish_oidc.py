"""The way back from a provider: an account for whom it vouches, and a session in it."""

from dataclasses import dataclass

from tseeder_auth.domain.accounts import Client, LoginRules, User
from tseeder_auth.domain.oidc import Claims, NewIdentity, TakenFlow
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import oidc_flows, oidc_identities, security_events, users
from tseeder_auth.usecases.challenge_sign_in import challenge_sign_in
from tseeder_auth.usecases.link_identity import link_account
from tseeder_auth.usecases.open_session import NewSession, open_session
from tseeder_auth.usecases.start_oidc import Providers, provider_named
from tseeder_kit.errors import AppError, forbidden, unauthenticated
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter
from tseeder_pg import Pool, Tx, transaction

_sign_ins = counter("auth_oidc_sign_ins", "Sign-ins that came back from a provider", ("provider", "outcome"))
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OidcAnswer:
    """What the browser brought back, and with which secret."""

    provider: str
    state: str
    code: str
    error: str  # the provider's, in place of a code
    issuer: str  # "" where the provider does not send it
    browser_secret: str
    client: Client


@dataclass(frozen=True, slots=True)
class Finished:
    """A session, or the challenge of the second factor; and where to go on."""

    outcome: NewSession | str
    return_to: str


async def finish_oidc(
    pool: Pool, providers: Providers, rules: LoginRules, answer: OidcAnswer, registration: RegistrationRules
) -> Finished:
    """Ends a flow, once.

    Errors: NOT_FOUND `oidc_provider_unknown`; UNAUTHENTICATED `oidc_state_invalid` (unknown, used, too late, another
    browser's), `oidc_denied`, `oidc_response_invalid`; FORBIDDEN `oidc_email_unverified`, `oidc_link_refused`,
    `registration_closed`, `account_suspended`; INVALID `terms_not_accepted` (of who is new); UNAVAILABLE
    `oidc_unavailable`.
    """
    provider = provider_named(providers, answer.provider)
    try:
        async with transaction(pool) as tx:
            taken = await oidc_flows.take_flow(tx, provider.name, answer.state, answer.browser_secret)
        flow = _accepted(taken, answer)
        claims = await provider.claims(flow, answer.code, answer.issuer)
        outcome = await _signed_in(pool, rules, answer, claims, registration, flow.accepted_terms_version)
    except AppError as exc:
        _sign_ins.labels(provider.name, exc.code).inc()
        _log.info("oidc_refused", provider=provider.name, code=exc.code)
        raise
    _sign_ins.labels(provider.name, "challenge" if isinstance(outcome, str) else "done").inc()
    return Finished(outcome, flow.return_to)


def _accepted(flow: TakenFlow | None, answer: OidcAnswer) -> TakenFlow:
    if flow is None:
        raise unauthenticated("oidc_state_invalid", "This sign-in was not begun here, or is over. Begin it again.")
    if answer.error or not answer.code:
        raise unauthenticated("oidc_denied", "The provider did not sign you in.")
    return flow


async def _signed_in(
    pool: Pool,
    rules: LoginRules,
    answer: OidcAnswer,
    claims: Claims,
    registration: RegistrationRules,
    accepted_terms_version: str,
) -> NewSession | str:
    try:
        async with transaction(pool) as tx:
            user, to_link = await _known(tx, answer.provider, claims), None
            if user is None:
                to_link = NewIdentity(answer.provider, claims.subject, claims.email)
                user = await link_account(
                    tx, answer.provider, claims, answer.client, registration, accepted_terms_version
                )
            if user.suspended:
                raise forbidden("account_suspended", "This account is suspended.")
            if user.second_factor:
                return await challenge_sign_in(tx, user, "oidc", to_link)
            details = {"method": "oidc", "provider": answer.provider}
            await security_events.record(tx, EventKind.LOGIN_DONE, user.user_id, answer.client, details=details)
            return await open_session(tx, rules, user, answer.client, method="oidc", second_factor=False)
    except AppError as exc:
        await _record_refusal(pool, answer, claims, exc.code)
        raise


async def _known(tx: Tx, provider: str, claims: Claims) -> User | None:
    """The account that the subject is linked to, locked."""
    user_id = await oidc_identities.find_identity(tx, provider, claims.subject)
    if user_id is None:
        return None
    found = await users.lock_credentials(tx, user_id)
    if found is None or not await oidc_identities.use_identity(tx, provider, claims.subject, user_id, claims.email):
        return None  # unlinked, or deleted, at this very moment
    return found.user


async def _record_refusal(pool: Pool, answer: OidcAnswer, claims: Claims, code: str) -> None:
    """For the account that is linked, or else for nobody's: who only shares an address is not told of it."""
    details = {"method": "oidc", "provider": answer.provider, "code": code}
    async with transaction(pool) as tx:
        user_id = await oidc_identities.find_identity(tx, answer.provider, claims.subject)
        await security_events.record(tx, EventKind.LOGIN_REFUSED, user_id, answer.client, details=details)
