"""Signing in through a provider: who gets into which account, and what a provider, a browser and a thief may try."""

from __future__ import annotations

import json
import uuid
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

from tests.integration.auth.factors import CLIENT, code_at, enrolled
from tests.integration.auth.running import PASSWORD, Auth, running_auth, unique_email
from tseeder.auth.v1 import auth_pb2, oidc_pb2, registration_pb2
from tseeder_auth.domain.oidc import code_challenge
from tseeder_auth.domain.tokens import token_hash
from tseeder_auth.usecases.purge_expired import purge_expired
from tseeder_kit.errors import AppError
from tseeder_rpc import use_identity
from tseeder_testkit.hostile_oidc import HostileOidc, by_public_key, hostile_oidc, new_key

POST = {"smtp_host": "127.0.0.1", "smtp_port": 1, "mail_from": "tseeder@example.org"}  # nobody answers there
CALLBACK = "https://tseeder.example/v1/auth/oidc/hostile/callback"
Claims: TypeAlias = dict[str, Any]
Forgery: TypeAlias = Callable[[HostileOidc, Claims], Mapping[str, Any]]


@dataclass(frozen=True)
class World:
    """A service before a provider; `closed` is one where nobody may register."""

    auth: Auth
    closed: Auth
    provider: HostileOidc

    async def start(self, return_to: str = "/jobs?x=1", provider: str = "hostile", terms: str = "1") -> Flow:
        """A browser on its way."""
        request = oidc_pb2.StartOidcRequest(
            provider=provider, redirect_uri=CALLBACK, return_to=return_to, accepted_terms_version=terms
        )
        started = await self.auth.oidc.StartOidc(request)
        query = self.provider.asked(started.authorization_url)
        return Flow(self, started.authorization_url, query, started.browser_secret, provider)

    async def sign_in(self, auth: Auth | None = None, **person: Any) -> oidc_pb2.FinishOidcResponse:
        """The whole way for somebody."""
        self.provider.person = person
        return await (await self.start()).finish(auth)

    async def refusal(self, auth: Auth | None = None, **person: Any) -> str:
        """The code that it ends with."""
        with pytest.raises(AppError) as caught:
            await self.sign_in(auth, **person)
        return caught.value.code

    async def count(self, table: str) -> int:
        """Rows."""
        found: int = await self.auth.pool.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 (names of ours)
        return found

    async def events(self, user_id: str) -> list[tuple[str, dict[str, str]]]:
        """What is kept of an account, the oldest first."""
        rows = await self.auth.pool.fetch(
            "SELECT kind, details FROM security_events WHERE user_id = $1 ORDER BY at, event_id", uuid.UUID(user_id)
        )
        return [(row["kind"], row["details"]) for row in rows]


@dataclass(frozen=True)
class Flow:
    """A sign-in under way."""

    world: World
    url: str
    query: Mapping[str, str]
    secret: str
    provider: str

    async def finish(self, auth: Auth | None = None, **changes: str) -> oidc_pb2.FinishOidcResponse:
        """The browser is back; `changes` are fields of the request."""
        fields: Claims = {"provider": self.provider, "state": self.query["state"], "code": "a code"}
        request = oidc_pb2.FinishOidcRequest(**{**fields, "browser_secret": self.secret, **changes})
        request.client.user_agent, request.client.remote_address = "pytest", "192.0.2.1"
        return await (auth or self.world.auth).oidc.FinishOidc(request)

    async def refused(self, **changes: Any) -> str:
        """The code that it ends with."""
        with pytest.raises(AppError) as caught:
            await self.finish(**changes)
        return caught.value.code


@pytest.fixture(scope="module")
async def services(auth: Auth, auth_dsn: str, nats_url: str) -> AsyncIterator[World]:
    """Two replicas beside the session's, on its database and with its keys."""
    folder = auth.settings.identity_private_key.parent
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(hostile_oidc())
        named = [provider.settings, {**provider.settings, "name": "other"}]
        made = [
            await stack.enter_async_context(
                running_auth(auth_dsn, nats_url, folder, oidc_providers=named, registration_open=is_open, **POST)
            )
            for is_open in (True, False)
        ]
        yield World(made[0], made[1], provider)


@pytest.fixture
def world(services: World) -> World:
    """With a provider that behaves."""
    services.provider.forget()
    return services


async def test_the_way_there_is_bound_to_the_browser_and_keeps_no_secret(world: World) -> None:
    flow = await world.start()
    assert flow.url.startswith(f"{world.provider.issuer}/authorize?tenant=a&")
    assert flow.query["response_type"] == "code"
    assert flow.query["scope"] == "openid email"
    assert flow.query["redirect_uri"] == CALLBACK
    row = await world.auth.pool.fetchrow(
        "SELECT *, expires_at - created_at AS life FROM oidc_flows WHERE state_hash = $1",
        token_hash(flow.query["state"]),
    )
    assert row is not None
    assert row["browser_hash"] == token_hash(flow.secret)
    assert (row["nonce"], row["return_to"]) == (flow.query["nonce"], "/jobs?x=1")
    assert row["life"].total_seconds() == pytest.approx(600, abs=1)
    assert flow.query["code_challenge"] == code_challenge(row["code_verifier"])
    assert flow.query["code_challenge_method"] == "S256"
    secrets = {flow.secret, flow.query["state"], flow.query["nonce"], row["code_verifier"]}
    assert len(secrets) == 4
    assert min(map(len, secrets)) >= 43


@pytest.mark.parametrize(
    "return_to",
    [
        "//evil.example",
        "/\\evil.example",
        "/a\\b",
        "https://evil.example/",
        "javascript:x",
        "jobs",
        "/\t/evil.example",
        "/\u2028/x",
        "/#x",
        "/" + "a" * 1024,
    ],
)
async def test_nobody_is_sent_elsewhere(world: World, return_to: str) -> None:
    with pytest.raises(AppError) as caught:
        await world.start(return_to)
    assert caught.value.code == "bad_return_to"


async def test_a_provider_that_is_none(world: World) -> None:
    with pytest.raises(AppError) as caught:
        await world.start(provider="nobody")
    assert caught.value.code == "oidc_provider_unknown"


async def test_somebody_new_and_known_from_then_on(world: World) -> None:
    email = unique_email()
    first = await world.sign_in(sub="new|1 / x", email=email, email_verified=True)
    assert first.return_to == "/jobs?x=1"
    user = first.session.user
    assert (user.email, user.verified, user.role) == (email, True, auth_pb2.ROLE_USER)
    exchanged = await world.auth.exchange(session=first.session.session_token)
    assert exchanged.user.user_id == user.user_id
    again = await world.sign_in(sub="new|1 / x", email="moved@example.org")  # known: the address means nothing
    assert again.session.user.user_id == user.user_id
    assert again.session.user.email == email
    with use_identity(exchanged.identity_token):
        (identity,) = (await world.auth.me.ListIdentities(auth_pb2.ListIdentitiesRequest())).identities
    assert (identity.provider, identity.subject, identity.email) == ("hostile", "new|1 / x", "moved@example.org")
    kinds = [kind for kind, _ in await world.events(user.user_id)]
    assert kinds == ["account.registered", "identity.linked", "login.done", "login.done"]
    rows = await world.auth.pool.fetch(
        "SELECT method, second_factor FROM sessions WHERE user_id = $1", uuid.UUID(user.user_id)
    )
    assert [(row["method"], row["second_factor"]) for row in rows] == [("oidc", False)] * 2
    with pytest.raises(AppError) as caught:
        await world.auth.log_in(email, "")  # there is no password to guess
    assert caught.value.code == "invalid_credentials"


async def test_a_flow_ends_once_in_its_own_browser_and_in_time(world: World) -> None:
    world.provider.person = {"sub": "once", "email": unique_email(), "email_verified": True}
    flow, other = await world.start(), await world.start()
    assert await flow.refused(browser_secret=other.secret) == "oidc_state_invalid"
    assert await flow.refused(browser_secret="") == "oidc_state_invalid"
    assert await flow.refused(provider="other") == "oidc_state_invalid"
    assert await flow.refused(state=flow.query["state"] + "x") == "oidc_state_invalid"
    world.provider.nonce = flow.query["nonce"]
    await flow.finish()  # none of those took it away
    assert await flow.refused() == "oidc_state_invalid"
    await world.auth.pool.execute("UPDATE oidc_flows SET expires_at = clock_timestamp()")
    assert await other.refused() == "oidc_state_invalid"
    await purge_expired(world.auth.pool, world.auth.settings.login_rules(), world.auth.settings.registration_rules())
    assert await world.count("oidc_flows") == 0


async def test_a_provider_that_refuses(world: World) -> None:
    flow = await world.start()
    assert await flow.refused(code="", error="access_denied") == "oidc_denied"
    assert await flow.refused() == "oidc_state_invalid"
    assert await (await world.start()).refused(code="") == "oidc_denied"


async def test_an_answer_of_another_provider_is_none(world: World) -> None:
    world.provider.person = {"sub": "mix-up", "email": unique_email(), "email_verified": True}
    assert await (await world.start()).refused(issuer="https://other.example") == "oidc_response_invalid"
    assert (await (await world.start()).finish(issuer=world.provider.issuer)).session.session_token


def changed(**changes: Any) -> Forgery:
    """Other claims (None takes one away), under the right signature."""

    def forge(provider: HostileOidc, claims: Claims) -> Mapping[str, Any]:
        kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return {"id_token": provider.signed(kept), "access_token": "a"}

    return forge


def unsigned(_provider: HostileOidc, claims: Claims) -> Mapping[str, Any]:
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "none"}, claims)]
    return {"id_token": ".".join([*parts, ""])}


def by_another_key(provider: HostileOidc, claims: Claims) -> Mapping[str, Any]:
    return {"id_token": provider.signed(claims, key=new_key(), kid=str(provider.key.kid))}


def by_unpublished_key(provider: HostileOidc, claims: Claims) -> Mapping[str, Any]:
    return {"id_token": provider.signed(claims, key=new_key())}


FORGERIES: dict[str, Forgery] = {
    "alg none": unsigned,
    "public key as HMAC secret": lambda provider, claims: {"id_token": by_public_key(provider.key, claims)},
    "another key of that name": by_another_key,
    "a key that is not published": by_unpublished_key,
    "wrong audience": changed(aud="somebody else"),
    "no audience": changed(aud=None),
    "several audiences, issued to nobody": changed(aud=["client", "somebody else"]),
    "issued to another": changed(azp="somebody else"),
    "wrong issuer": changed(iss="https://accounts.example"),
    "wrong nonce": changed(nonce="x" * 43),
    "nonce beyond ASCII": changed(nonce="é"),
    "no nonce": changed(nonce=None),
    "expired": changed(exp=1_700_000_000),
    "never expires": changed(exp=float("inf")),
    "no expiry": changed(exp=None),
    "of the future": changed(iat=9_999_999_999),
    "not yet": changed(nbf=9_999_999_999),
    "true is no time": changed(iat=True),
    "no subject": changed(sub=""),
    "subject as number": changed(sub=7),
    "a subject beyond measure": changed(sub="x" * 256),
    "a subject beyond ASCII": changed(sub="\u202eabc"),
    "no token": lambda _provider, _claims: {"access_token": "a"},
    "not a token": lambda _provider, _claims: {"id_token": "a.b.c"},
    "a token of another kind": lambda _provider, _claims: {"id_token": 7},
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_forged_id_token_opens_nothing(world: World, forgery: Forgery) -> None:
    before = await world.count("users"), await world.count("sessions")
    world.provider.tokens = forgery
    assert await world.refusal(email=unique_email(), email_verified=True) == "oidc_response_invalid"
    assert (await world.count("users"), await world.count("sessions")) == before


async def test_the_providers_keys_may_change_at_any_time(world: World) -> None:
    person: Claims = {"sub": "rotating", "email": unique_email(), "email_verified": True}
    user_id = (await world.sign_in(**person)).session.user.user_id
    old, world.provider.key = world.provider.key, new_key()
    world.provider.published[:] = [world.provider.key]
    assert (await world.sign_in(**person)).session.user.user_id == user_id
    world.provider.tokens = lambda provider, claims: {"id_token": provider.signed(claims, key=old)}
    assert await world.refusal(**person) == "oidc_response_invalid"


async def test_an_address_links_only_if_both_sides_have_shown_it(world: World) -> None:
    user = await world.auth.new_user()
    shout = user.email.upper()
    for unverified in ({}, {"email_verified": False}, {"email_verified": "true"}, {"email_verified": 1}):
        assert await world.refusal(sub="l1", email=shout, **unverified) == "oidc_email_unverified"
    assert await world.refusal(sub="l1", email_verified=True) == "oidc_email_unverified"
    assert await world.refusal(sub="l1", email="no address", email_verified=True) == "oidc_email_unverified"
    unverified_operator = "UPDATE users SET verified_at = NULL, role = 'support' WHERE email = $1"
    await world.auth.pool.execute(unverified_operator, user.email)
    assert await world.refusal(sub="l1", email=shout, email_verified=True) == "oidc_link_refused"
    await world.auth.pool.execute("UPDATE users SET verified_at = now(), role = 'user' WHERE email = $1", user.email)
    linked = await world.sign_in(world.closed, sub="l1", email=shout, email_verified=True)
    assert linked.session.user.user_id == user.user_id
    assert [kind for kind, _ in await world.events(user.user_id)][-2:] == ["identity.linked", "login.done"]


async def test_a_registration_that_nobody_confirms_is_in_nobodys_way(world: World) -> None:
    """Not to who shows the address by a provider, and not to the one of an earlier release, which was an account."""
    squatted = (await world.auth.new_user()).email
    await world.auth.pool.execute("UPDATE users SET verified_at = NULL WHERE email = $1", squatted)
    waiting = unique_email()
    request = registration_pb2.RegisterRequest(email=waiting, password=PASSWORD, accepted_terms_version="1")
    await world.auth.registration.Register(request)
    for email in (squatted, waiting):
        user = (await world.sign_in(sub=email, email=email, email_verified=True)).session.user
        assert (user.email, user.verified) == (email, True)
    with pytest.raises(AppError) as caught:
        await world.auth.log_in(squatted)
    assert caught.value.code == "invalid_credentials"


async def test_who_is_new_has_accepted_the_terms_on_the_way_there(world: World) -> None:
    email = unique_email()
    world.provider.person = {"sub": email, "email": email, "email_verified": True}
    for terms in ("", "0"):
        assert await (await world.start(terms=terms)).refused() == "terms_not_accepted"
    user_id = (await (await world.start()).finish()).session.user.user_id
    kept = "SELECT terms_version FROM users WHERE user_id = $1 AND terms_accepted_at IS NOT NULL"
    assert await world.auth.pool.fetchval(kept, uuid.UUID(user_id)) == "1"
    assert (await (await world.start(terms="")).finish()).session.user.user_id == user_id  # known by now


async def test_a_twin_of_an_address_is_somebody_else(world: World) -> None:
    """Equal to Unicode's folding, another mailbox to the rest of the world."""
    user = await world.auth.new_user(email=f"kim-{uuid.uuid4().hex[:8]}@example.org")
    for twin in (user.email.replace("k", "\u212a", 1), user.email.replace("i", "ｉ", 1)):
        assert await world.refusal(sub=f"twin {len(twin)}", email=twin, email_verified=True) == "oidc_link_refused"
    assert await world.events(user.user_id) == []


async def test_the_same_subject_of_another_provider_is_another(world: World) -> None:
    person: Claims = {"sub": "shared", "email": unique_email(), "email_verified": True}
    await world.sign_in(**person)
    world.provider.person = {**person, "email_verified": False}
    assert await (await world.start(provider="other")).refused() == "oidc_email_unverified"


async def test_no_account_is_made_where_registration_is_closed(world: World) -> None:
    before = await world.count("users")
    assert await world.refusal(world.closed, email=unique_email(), email_verified=True) == "registration_closed"
    assert await world.count("users") == before


async def test_a_suspended_account_stays_shut(world: World) -> None:
    person: Claims = {"sub": "bad", "email": unique_email(), "email_verified": True}
    user_id = (await world.sign_in(**person)).session.user.user_id
    await world.auth.pool.execute("UPDATE users SET suspended_at = now() WHERE user_id = $1", uuid.UUID(user_id))
    assert await world.refusal(**person) == "account_suspended"
    assert await world.refusal(**{**person, "sub": "bad 2"}) == "account_suspended"
    refused = ("login.refused", {"method": "oidc", "provider": "hostile", "code": "account_suspended"})
    assert (await world.events(user_id))[-1] == refused
    assert await world.auth.pool.fetchval("SELECT count(*) FROM oidc_identities WHERE subject = 'bad 2'") == 0


async def test_userinfo_is_asked_only_for_an_address_that_the_token_lacks(world: World) -> None:
    person: Claims = {"sub": "thin", "email": unique_email(), "email_verified": True}
    thin: Forgery = lambda provider, claims: {  # noqa: E731
        "access_token": "a",
        "id_token": provider.signed({name: value for name, value in claims.items() if "email" not in name}),
    }
    world.provider.tokens, world.provider.requests[:] = thin, []
    assert (await world.sign_in(**person)).session.user.email == person["email"]
    assert "/userinfo" in world.provider.requests
    world.provider.tokens = lambda provider, claims: thin(provider, {**claims, "sub": "another"})
    assert await world.refusal(**person) == "oidc_response_invalid"
    world.provider.tokens, world.provider.requests[:] = None, []
    await world.sign_in(**person)
    assert "/userinfo" not in world.provider.requests


async def test_a_provider_that_goes_away_on_the_way(world: World) -> None:
    world.provider.person = {"sub": "away", "email": unique_email(), "email_verified": True}
    flow = await world.start()
    world.provider.away = True
    assert await flow.refused() == "oidc_unavailable"


async def test_an_account_with_a_second_factor_gets_a_challenge_and_no_session(world: World) -> None:
    careful = await enrolled(world.auth)
    user_id = uuid.UUID(careful.user.user_id)
    person: Claims = {"sub": "careful", "email": careful.user.email, "email_verified": True}
    before = await world.count("sessions")
    finished = await world.sign_in(**person)
    assert (finished.WhichOneof("outcome"), finished.return_to) == ("challenge", "/jobs?x=1")
    assert len(finished.challenge) >= 43
    assert await world.count("sessions") == before
    linked = "SELECT count(*) FROM oidc_identities WHERE subject = 'careful'"
    told = "SELECT count(*) FROM mails WHERE kind = 'identity_linked' AND user_id = $1"
    spare = (await world.sign_in(**person)).challenge
    assert (await world.auth.pool.fetchval(linked), await world.auth.pool.fetchval(told, user_id)) == (0, 0)
    right = code_at(careful.secret)
    wrong = f"{(int(right) + 1) % 10**6:06}"
    assert await answered(world, finished.challenge, wrong) == "second_factor_invalid"
    assert await answered(world, finished.challenge + "x", right) == "challenge_invalid"
    assert await world.auth.pool.fetchval(linked) == 0  # by a code, and not before
    assert await answered(world, finished.challenge, right) == str(user_id)
    assert (await world.auth.pool.fetchval(linked), await world.auth.pool.fetchval(told, user_id)) == (1, 1)
    assert await answered(world, finished.challenge, right) == "challenge_invalid"
    second_factor = "SELECT second_factor FROM sessions WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1"
    assert await world.auth.pool.fetchval(second_factor, user_id) is True

    codes = iter(careful.recovery_codes)
    assert await answered(world, spare, next(codes)) == str(user_id)  # linked to him by now
    assert await world.auth.pool.fetchval(told, user_id) == 1
    assert await answered(world, (await world.sign_in(**person)).challenge, next(codes)) == str(user_id)
    worn = (await world.sign_in(**person)).challenge
    await world.auth.pool.execute("UPDATE sign_in_challenges SET attempts = 5 WHERE user_id = $1", user_id)
    assert await answered(world, worn, next(codes)) == "challenge_invalid"
    late = (await world.sign_in(**person)).challenge
    await world.auth.pool.execute("UPDATE sign_in_challenges SET expires_at = clock_timestamp()")
    assert await answered(world, late, next(codes)) == "challenge_invalid"


async def answered(world: World, challenge: str, code: str) -> str:
    """The user who is signed in, or the code of the refusal."""
    request = oidc_pb2.AnswerChallengeRequest(challenge=challenge, code=code, client=CLIENT)
    try:
        session = await world.auth.oidc.AnswerChallenge(request)
    except AppError as exc:
        return exc.code
    return session.user.user_id


async def test_links_are_taken_away_by_their_owner_and_never_the_last_way_in(world: World) -> None:
    user = await world.auth.new_user()
    for sub in ("u1", "u2"):
        made = await world.sign_in(sub=sub, email=user.email, email_verified=True)
    identity = (await world.auth.exchange(session=made.session.session_token)).identity_token
    stranger = await world.sign_in(sub="stranger", email=unique_email(), email_verified=True)
    stranger_identity = (await world.auth.exchange(session=stranger.session.session_token)).identity_token
    assert await unlinked(world, stranger_identity, "u1") == "identity_not_found"
    assert await unlinked(world, stranger_identity, "stranger") == "last_credential"
    assert await unlinked(world, identity, "u1") == ""
    assert await unlinked(world, identity, "u1") == "identity_not_found"
    assert await unlinked(world, identity, "u2") == ""  # there is a password
    assert (await world.events(user.user_id))[-1] == ("identity.unlinked", {"provider": "hostile"})


async def unlinked(world: World, identity: str, subject: str) -> str:
    """The code of the refusal, if it is one."""
    with use_identity(identity):
        try:
            await world.auth.me.UnlinkIdentity(auth_pb2.UnlinkIdentityRequest(provider="hostile", subject=subject))
        except AppError as exc:
            return exc.code
    return ""
