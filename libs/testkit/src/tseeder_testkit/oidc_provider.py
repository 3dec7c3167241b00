"""An OpenID Connect provider in a process of its own, made of Authlib's server: what it checks (PKCE, the client's
secret, redirect URIs, codes and nonces that were used) was not written here.

    python -m tseeder_testkit.oidc_provider     # one JSON line when it serves: {"issuer": "http://127.0.0.1:..."}

Who signs in writes into its form who he is; there are no passwords.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core import OpenIDCode
from flask import Flask, Response, jsonify, request
from joserfc.jwk import ECKey, KeySet
from werkzeug.serving import make_server

from tseeder_testkit.children import child, die_with_parent

CLIENT_ID: Final = "tseeder tests"
CLIENT_SECRET: Final = "a secret: with/signs%"
CALLBACK: Final = "/v1/auth/oidc/testkit/callback"
ALGORITHM: Final = "ES256"


@dataclass(frozen=True)
class Running:
    """A provider that serves; its `settings` are what tseeder is told of it."""

    issuer: str

    @property
    def settings(self) -> dict[str, Any]:
        """As one of TSEEDER_AUTH_OIDC_PROVIDERS."""
        return {
            "name": "testkit",
            "title": "The testkit's",
            "issuer": self.issuer,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }


@asynccontextmanager
async def providing() -> AsyncIterator[Running]:
    """The process, for as long as it is inside."""
    async with child([sys.executable, "-m", "tseeder_testkit.oidc_provider"]) as (_, line):
        yield Running(json.loads(line)["issuer"])


class _Client(ClientMixin):  # type: ignore[misc]
    """The one client there is; its callback is on any port of this machine (RFC 8252, 7.3)."""

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(each for each in scope.split() if each in ("openid", "email"))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        parts = urlsplit(redirect_uri)
        return parts.hostname == "127.0.0.1" and parts.path == CALLBACK and not parts.query

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret, CLIENT_SECRET)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return bool(response_type == "code")

    def check_grant_type(self, grant_type: str) -> bool:
        return bool(grant_type == "authorization_code")


@dataclass
class _Person:
    """Who has signed in: the form."""

    sub: str
    email: str
    email_verified: bool
    by_userinfo: bool  # the ID token does not tell the address


@dataclass
class _Code(AuthorizationCodeMixin):  # type: ignore[misc]
    code: str
    person: _Person
    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str
    auth_time: int = field(default_factory=lambda: int(time.time()))

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.auth_time

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class _State:
    """What the provider remembers."""

    def __init__(self) -> None:
        self.issuer = ""
        self.key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        self.codes: dict[str, _Code] = {}
        self.nonces: set[str] = set()
        self.tokens: dict[str, _Person] = {}


STATE: Final = _State()


class _CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = ["client_secret_basic"]

    def save_authorization_code(self, code: str, request: Any) -> None:
        asked = request.payload.data
        STATE.nonces.add(asked["nonce"])
        STATE.codes[code] = _Code(
            code,
            request.user,
            request.payload.redirect_uri,
            request.payload.scope,
            asked["nonce"],
            asked.get("code_challenge", ""),
            asked.get("code_challenge_method", ""),
        )

    def query_authorization_code(self, code: str, client: _Client) -> _Code | None:
        return STATE.codes.get(code)

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        STATE.codes.pop(authorization_code.code, None)

    def authenticate_user(self, authorization_code: _Code) -> _Person:
        return authorization_code.person


class _Pkce(CodeChallenge):  # type: ignore[misc]
    SUPPORTED_CODE_CHALLENGE_METHOD: ClassVar = ["S256"]


class _OpenId(OpenIDCode):  # type: ignore[misc]
    def exists_nonce(self, nonce: str, request: Any) -> bool:
        return nonce in STATE.nonces

    def resolve_client_private_key(self, client: _Client) -> Any:
        return STATE.key.as_dict(private=True)

    def get_client_algorithm(self, client: _Client) -> str:
        return ALGORITHM

    def get_client_claims(self, client: _Client) -> dict[str, Any]:
        return {"iss": STATE.issuer, "aud": [CLIENT_ID]}

    def get_encode_header(self, client: _Client) -> dict[str, Any]:
        return {"alg": ALGORITHM, "kid": STATE.key.kid}

    def generate_user_info(self, user: _Person, scope: str) -> dict[str, Any]:
        return {"sub": user.sub} if user.by_userinfo else _told(user)


class _Issuer(IssuerParameter):  # type: ignore[misc]
    def get_issuer(self) -> str:
        return STATE.issuer


def _told(person: _Person) -> dict[str, Any]:
    return {"sub": person.sub, "email": person.email, "email_verified": person.email_verified}


def _save_token(token: dict[str, Any], request: Any) -> None:
    STATE.tokens[token["access_token"]] = request.user


def application() -> Flask:
    """The provider's pages."""
    app = Flask(__name__)
    server = AuthorizationServer(app, query_client=_client_named, save_token=_save_token)
    server.register_grant(_CodeGrant, [_OpenId(require_nonce=True), _Pkce(required=True)])
    server.register_extension(_Issuer())

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Response:
        return jsonify(
            issuer=STATE.issuer,
            authorization_endpoint=f"{STATE.issuer}/authorize",
            token_endpoint=f"{STATE.issuer}/token",
            userinfo_endpoint=f"{STATE.issuer}/userinfo",
            jwks_uri=f"{STATE.issuer}/jwks",
            authorization_response_iss_parameter_supported=True,
            code_challenge_methods_supported=["S256"],
        )

    @app.get("/jwks")
    def jwks() -> Response:
        return jsonify(KeySet([STATE.key]).as_dict())

    @app.get("/authorize")
    def form() -> str:
        server.get_consent_grant()
        names = ("sub", "email", "email_verified", "by_userinfo", "deny")
        return "<form method=post>" + "".join(f"<input name={name}>" for name in names) + "<button></form>"

    @app.post("/authorize")
    def signed_in() -> Response:
        said = request.form
        person = _Person(said["sub"], said["email"], "email_verified" in said, "by_userinfo" in said)
        grant = server.get_consent_grant()
        user = None if "deny" in said else person
        answer: Response = server.create_authorization_response(grant_user=user, grant=grant)
        return answer

    @app.post("/token")
    def token() -> Response:
        answer: Response = server.create_token_response()
        return answer

    @app.get("/userinfo")
    def userinfo() -> Response:
        person = STATE.tokens[request.headers["Authorization"].removeprefix("Bearer ")]
        return jsonify(_told(person))

    return app


def _client_named(client_id: str) -> _Client | None:
    return _Client() if client_id == CLIENT_ID else None


def main() -> None:
    """Serves on a free port of loopback until it is stopped."""
    die_with_parent()
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server("127.0.0.1", 0, application(), threaded=True)
    STATE.issuer = f"http://127.0.0.1:{server.server_port}"
    sys.stdout.write(json.dumps({"issuer": STATE.issuer}) + "\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
