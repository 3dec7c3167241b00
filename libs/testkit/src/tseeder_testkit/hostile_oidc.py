"""An OpenID Connect provider that says, and signs, what a test wants."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT_ID: Final = "client"
CLIENT_SECRET: Final = "client secret"

Tokens: TypeAlias = Callable[["HostileOidc", dict[str, Any]], Mapping[str, Any]]
"""What the token endpoint answers, from the claims of an ID token that would be good."""


def new_key() -> RSAKey:
    """A key to sign with, and its `kid`."""
    return RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)


@dataclass
class HostileOidc:
    """A provider. All of it may be changed while it serves."""

    issuer: str = ""
    name: str = "hostile"
    key: RSAKey = field(default_factory=new_key)
    published: list[RSAKey] = field(default_factory=list)
    person: dict[str, Any] = field(default_factory=dict)  # claims beside the usual ones
    metadata: dict[str, Any] = field(default_factory=dict)  # in place of what discovery would say
    tokens: Tokens | None = None
    away: bool = False
    redirecting: str = ""  # each answer sends there
    requests: list[str] = field(default_factory=list)  # the paths that were asked for
    nonce: str = ""

    def __post_init__(self) -> None:
        self.published.append(self.key)

    @property
    def settings(self) -> dict[str, Any]:
        """As one of TSEEDER_AUTH_OIDC_PROVIDERS."""
        known = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        return {"name": self.name, "title": "Hostile", "issuer": self.issuer, **known}

    def asked(self, authorization_url: str) -> dict[str, str]:
        """The query of a browser that comes here; its nonce is taken into the next ID token."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(authorization_url).query).items()}
        self.nonce = query["nonce"]
        return query

    def forget(self) -> None:
        """Well-behaved again, with the keys that it has."""
        self.person, self.metadata, self.tokens, self.away, self.redirecting = {}, {}, None, False, ""

    def claims(self) -> dict[str, Any]:
        """Of an ID token that is good."""
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": self.nonce}
        return {**usual, "sub": secrets.token_hex(8), **self.person}

    def signed(self, claims: Mapping[str, Any], *, key: RSAKey | None = None, alg: str = "RS256", kid: str = "") -> str:
        """A token, by the usual key if no other is named."""
        used = key or self.key
        return jwt.encode({"alg": alg, "kid": kid or used.kid}, dict(claims), used, algorithms=[alg])


def by_public_key(key: RSAKey, claims: Mapping[str, Any]) -> str:
    """A token under HS256 whose secret is the public key's PEM: the oldest trick with JWTs. Libraries refuse to make
    one."""
    header = {"alg": "HS256", "kid": key.kid}
    body = ".".join(_packed(json.dumps(part).encode()) for part in (header, dict(claims)))
    return f"{body}.{_packed(hmac.digest(key.as_pem(private=False), body.encode(), hashlib.sha256))}"


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@asynccontextmanager
async def hostile_oidc() -> AsyncIterator[HostileOidc]:
    """A provider on loopback, for as long as it is inside."""
    provider = HostileOidc()
    app = web.Application(middlewares=[_misbehaving(provider)])
    app.router.add_get("/.well-known/openid-configuration", _answering(lambda: _discovery(provider)))
    app.router.add_get("/jwks", _answering(lambda: _published(provider)))
    app.router.add_post("/token", _answering(lambda: _tokens(provider)))
    app.router.add_get("/userinfo", _answering(lambda: provider.person))
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        provider.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield provider
    finally:
        await runner.cleanup()


def _misbehaving(provider: HostileOidc) -> Any:
    @web.middleware
    async def middleware(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        provider.requests.append(request.path)
        if provider.away:
            return web.Response(status=502)
        if provider.redirecting:
            return web.Response(status=302, headers={"Location": provider.redirecting})
        answer: web.StreamResponse = await handler(request)
        return answer

    return middleware


def _answering(said: Callable[[], Mapping[str, Any]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response(dict(said()))

    return handler


def _published(provider: HostileOidc) -> Mapping[str, Any]:
    return {**KeySet([*provider.published]).as_dict()}


def _discovery(provider: HostileOidc) -> dict[str, Any]:
    issuer = provider.issuer
    usual = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize?tenant=a",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
    }
    return {**usual, **provider.metadata}


def _tokens(provider: HostileOidc) -> Mapping[str, Any]:
    claims = provider.claims()
    if provider.tokens is not None:
        return provider.tokens(provider, claims)
    return {"access_token": "a", "token_type": "Bearer", "id_token": provider.signed(claims)}
