"""One OpenID Connect provider: discovery, its keys, the code for an ID token. The only place that knows joserfc."""

import asyncio
import warnings
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from tseeder_auth.adapters.bounded_http import AwayError, BoundedHttp
from tseeder_auth.domain import oidc
from tseeder_auth.domain.oidc import Claims, Flow, Metadata, ProviderError, TakenFlow
from tseeder_auth.settings import OidcProvider
from tseeder_kit import clock
from tseeder_kit.errors import AppError, unavailable
from tseeder_kit.logging import get_logger

DISCOVERY: Final = "/.well-known/openid-configuration"
FRESH_SECONDS: Final = 3600.0
"""How long a provider's description and keys are good; an unknown key is asked for at once."""
_SIGNED_BY: Final = frozenset({"RSA", "EC", "OKP"})

_log = get_logger(__name__)


class Provider:
    """A provider of the settings. Every method raises AppError UNAVAILABLE `oidc_unavailable` if it does not answer as
    it should, and UNAUTHENTICATED `oidc_response_invalid` for an answer to a sign-in that is not good."""

    def __init__(self, config: OidcProvider, http: BoundedHttp) -> None:
        self.name: Final = config.name
        self._config = config
        self._http = http
        self._reading = asyncio.Lock()
        self._metadata: Metadata | None = None
        self._keys: KeySet | None = None
        self._read_at = 0.0

    async def authorization_url(self, flow: Flow) -> str:
        """Where the browser is sent."""
        try:
            metadata, _ = await self._known()
        except (AwayError, ProviderError) as exc:
            raise self._unavailable(exc) from exc
        asked = {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": flow.redirect_uri,
            "scope": " ".join(self._config.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": oidc.code_challenge(flow.code_verifier),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(metadata.authorization).query else "?"
        return f"{metadata.authorization}{joint}{urlencode(asked)}"

    async def claims(self, flow: TakenFlow, code: str, response_issuer: str) -> Claims:
        """Who the provider says has signed in."""
        try:
            metadata, _ = await self._known()
            oidc.check_response_issuer(metadata, response_issuer, self._config.issuer)
            tokens = await self._redeem(metadata, flow, code)
            claims = await self._verified(tokens.get("id_token"), flow.nonce)
            if claims.email or not metadata.userinfo:
                return claims
            return await self._from_userinfo(metadata, tokens.get("access_token"), claims.subject)
        except AwayError as exc:
            raise self._unavailable(exc) from exc
        except ProviderError as exc:
            _log.warning("oidc_response_invalid", provider=self.name, why=str(exc))
            raise oidc.response_invalid() from exc

    async def _redeem(self, metadata: Metadata, flow: TakenFlow, code: str) -> Mapping[str, Any]:
        """What the token endpoint gives for a code."""
        client_id, secret = self._config.client_id, self._config.client_secret.get_secret_value()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": flow.redirect_uri,
            "code_verifier": flow.code_verifier,
        }
        if metadata.basic_authentication:
            basic = (quote(client_id, safe=""), quote(secret, safe=""))  # RFC 6749, 2.3.1: form-encoded first
            answer = await self._http.post(metadata.token, form, basic=basic)
        else:
            answer = await self._http.post(metadata.token, {**form, "client_id": client_id, "client_secret": secret})
        if answer.status == 200:
            return answer.body
        error = answer.body.get("error")
        if error in ("invalid_client", "unauthorized_client") or answer.status == 429:
            raise AwayError(f"the token endpoint answers {answer.status}")  # nothing that another try would mend
        raise ProviderError(f"the code was refused with status {answer.status}")

    async def _verified(self, token: object, nonce: str) -> Claims:
        if not isinstance(token, str):
            raise ProviderError("there is no ID token")
        try:
            claims = _decoded(token, await self._keys_for(token))
        except (JoseError, ValueError) as exc:
            raise ProviderError(f"the ID token's signature: {type(exc).__name__}") from exc
        return oidc.check_id_token(
            claims, issuer=self._config.issuer, client_id=self._config.client_id, nonce=nonce, now=clock.now()
        )

    async def _keys_for(self, token: str) -> KeySet:
        """The provider's keys; read again if the one that is named is not among them."""
        kid = jws.extract_compact(token.encode()).headers().get("kid")
        _, keys = await self._known()
        if kid is not None and kid not in {key.kid for key in keys}:
            _, keys = await self._known(again=True)
        return keys

    async def _from_userinfo(self, metadata: Metadata, access_token: object, subject: str) -> Claims:
        if not isinstance(access_token, str):
            raise ProviderError("there is no access token for userinfo")
        answer = await self._http.get(metadata.userinfo, bearer=access_token)
        if answer.status != 200:
            raise AwayError(f"userinfo answers {answer.status}")
        claims = oidc.claims_of(answer.body)
        if claims.subject != subject:
            raise ProviderError("userinfo speaks of somebody else")
        return claims

    async def _known(self, *, again: bool = False) -> tuple[Metadata, KeySet]:
        """The provider's description and keys, read at most once at a time."""
        async with self._reading:
            fresh = clock.boottime() - self._read_at < FRESH_SECONDS
            if self._metadata is None or self._keys is None or again or not fresh:
                said = await self._read(self._config.issuer.rstrip("/") + DISCOVERY)
                metadata = oidc.metadata_of(said, self._config.issuer)
                self._keys = _key_set(await self._read(metadata.jwks))
                self._metadata, self._read_at = metadata, clock.boottime()
            return self._metadata, self._keys

    async def _read(self, url: str) -> Mapping[str, Any]:
        answer = await self._http.get(url)
        if answer.status != 200:
            raise AwayError(f"status {answer.status}")
        return answer.body

    def _unavailable(self, exc: Exception) -> AppError:
        _log.warning("oidc_unavailable", provider=self.name, why=str(exc))
        return unavailable("oidc_unavailable", "The sign-in provider does not answer as it should. Try again later.")


def _key_set(said: Mapping[str, Any]) -> KeySet:
    """The keys that may sign; raises ProviderError. A key that a client must not have (`oct`) is none."""
    listed = said.get("keys")
    usable = [
        key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict) and key.get("kty") in _SIGNED_BY and key.get("use", "sig") == "sig"
    ]
    try:
        return KeySet.import_key_set({"keys": usable})
    except (JoseError, ValueError, TypeError, KeyError) as exc:
        raise ProviderError("its keys cannot be used") from exc


def _decoded(token: str, keys: KeySet) -> Mapping[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # the name EdDSA is dated (RFC 9864), and what providers send
        return jwt.decode(token, keys, algorithms=list(oidc.ALGORITHMS)).claims
