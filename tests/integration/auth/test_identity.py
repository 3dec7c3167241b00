"""Only a token that auth signed, for us, not long ago, is an identity."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.integration.auth.running import Auth
from tseeder.auth.v1 import auth_pb2
from tseeder_auth.adapters.identity_key import generate_pair, load_signer
from tseeder_kit.errors import AppError, Kind
from tseeder_rpc import use_identity

Forgery: TypeAlias = Callable[[Auth, str, Path], str]


def decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims = (json.loads(urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, claims


def signed_again(auth: Auth, token: str, **changes: Any) -> str:
    """The token with other claims (None removes one), signed with the right key."""
    header, claims = decoded(token)
    key = load_pem_private_key(auth.settings.identity_private_key.read_bytes(), password=None)
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": header["kid"]})  # type: ignore[arg-type]


def unsigned(auth: Auth, token: str, _folder: Path) -> str:
    header, claims = decoded(token)
    return jwt.encode(claims, "", algorithm="none", headers={"kid": header["kid"]})


def with_public_key_as_hmac_secret(auth: Auth, token: str, _folder: Path) -> str:
    header, claims = decoded(token)
    parts = [
        urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "HS256", "kid": header["kid"], "typ": "JWT"}, claims)
    ]
    mac = hmac.digest(auth.settings.identity_public_keys.read_bytes(), ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, urlsafe_b64encode(mac).rstrip(b"=").decode()])


def by_another_key(_auth: Auth, token: str, folder: Path) -> str:
    _, claims = decoded(token)
    signer = load_signer(generate_pair(folder)[0])
    return signer.mint(uuid.UUID(claims["sub"]), "superadmin", ("admin:write",), None, datetime.now(UTC)).text


def past() -> int:
    return int((datetime.now(UTC) - timedelta(seconds=70)).timestamp())


FORGERIES: dict[str, Forgery] = {
    "alg none": unsigned,
    "public key as HMAC secret": with_public_key_as_hmac_secret,
    "another key": by_another_key,
    "wrong audience": lambda auth, token, _: signed_again(auth, token, aud="public"),
    "no audience": lambda auth, token, _: signed_again(auth, token, aud=None),
    "wrong issuer": lambda auth, token, _: signed_again(auth, token, iss="somebody"),
    "expired": lambda auth, token, _: signed_again(auth, token, iat=past(), exp=past() + 60),
    "no expiry": lambda auth, token, _: signed_again(auth, token, exp=None),
    "lives too long": lambda auth, token, _: signed_again(auth, token, exp=past() + 86_400),
    "no user id": lambda auth, token, _: signed_again(auth, token, sub="root"),
    "scopes as text": lambda auth, token, _: signed_again(auth, token, scopes="me:read"),
    "cut": lambda _auth, token, _: token[:-3],
    "not a token": lambda _auth, _token, _: "x",
    "empty": lambda _auth, _token, _: "",
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_forged_identity_is_refused(auth: Auth, tmp_path: Path, forgery: Forgery) -> None:
    identity = await auth.identity((await auth.new_user()).email)
    with use_identity(forgery(auth, identity, tmp_path)), pytest.raises(AppError) as caught:
        await auth.me.GetMe(auth_pb2.GetMeRequest())
    assert caught.value.kind is Kind.UNAUTHENTICATED
    assert caught.value.code in ("identity_invalid", "unauthenticated")


async def test_the_token_says_what_services_are_promised(auth: Auth) -> None:
    user = await auth.new_user(auth_pb2.ROLE_SUPPORT)
    header, claims = decoded(await auth.identity(user.email))
    assert header["alg"] == "EdDSA"
    assert header["kid"] == load_signer(auth.settings.identity_private_key).kid
    assert claims.pop("exp") - claims.pop("iat") == 60
    assert uuid.UUID(claims.pop("sid"))
    assert set(claims.pop("scopes")) >= {"admin:read", "me:read"}
    assert claims == {"iss": "tseeder-auth", "aud": "internal", "sub": user.user_id, "role": "support"}


async def test_a_role_that_is_not_known_yet_may_nothing(auth: Auth) -> None:
    identity = signed_again(auth, await auth.identity((await auth.new_user()).email), role="emperor")
    with use_identity(identity), pytest.raises(AppError) as caught:
        await auth.me.GetMe(auth_pb2.GetMeRequest())
    assert (caught.value.kind, caught.value.code) == (Kind.FORBIDDEN, "unknown_role")
