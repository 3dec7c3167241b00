"""Identity tokens: ours pass, everything else is `identity_invalid`."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tseeder_kit.errors import AppError, Kind
from tseeder_rpc import Principal, Verifier, bearer, key_id, load_public_keys, user_authenticator

KEY = Ed25519PrivateKey.generate()
OTHER = Ed25519PrivateKey.generate()
USER = UUID("01a1f89f-1bc5-700f-91bd-be368c2db70f")


def pem(public: Ed25519PublicKey) -> str:
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


KID = key_id(KEY.public_key())
VERIFIER = Verifier({KID: pem(KEY.public_key())})


def token(key: Any = KEY, *, algorithm: str = "EdDSA", kid: Any = KID, without: str = "", **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": "tseeder-auth",
        "aud": "internal",
        "sub": str(USER),
        "iat": now,
        "exp": now + 60,
        "role": "user",
        "scopes": ["jobs:read", "jobs:write"],
        "sid": "s-1",
        **changes,
    }
    claims.pop(without, None)
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def test_a_token_of_ours_gives_its_principal() -> None:
    principal = VERIFIER.verify(token())
    assert principal == Principal(USER, "user", frozenset({"jobs:read", "jobs:write"}), "s-1")
    assert VERIFIER.verify(token(sid=None)).session_id is None
    assert VERIFIER.verify(token(without="sid")).session_id is None


def test_clocks_may_differ_by_five_seconds() -> None:
    now = int(time.time())
    VERIFIER.verify(token(iat=now - 63, exp=now - 3))
    VERIFIER.verify(token(iat=now + 3, exp=now + 63))


NOW = int(time.time())
UNSIGNED = ".".join(
    base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
    for part in (
        {"alg": "none", "kid": KID},
        {
            "iss": "tseeder-auth",
            "aud": "internal",
            "sub": str(USER),
            "iat": NOW,
            "exp": NOW + 60,
            "role": "superadmin",
            "scopes": [],
        },
    )
)
HEAD, BODY, SIGNATURE = token().split(".")


def by_public_key() -> str:
    """HS256 whose secret is the public key: what libraries refuse to make, and must refuse to take."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": KID}).encode()).rstrip(b"=").decode()
    mac = hmac.digest(pem(KEY.public_key()).encode(), f"{head}.{BODY}".encode(), hashlib.sha256)
    return f"{head}.{BODY}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param("", id="empty"),
        pytest.param("x.y.z", id="not a token"),
        pytest.param("\ud800", id="lone surrogate"),
        pytest.param(f"{UNSIGNED}.", id="alg none"),
        pytest.param(f"{UNSIGNED}.{SIGNATURE}", id="alg none with a signature"),
        pytest.param(token("a secret that is long enough for it" * 2, algorithm="HS256"), id="hs256"),
        pytest.param(by_public_key(), id="hs256 by the public key"),
        pytest.param(token(OTHER), id="another key under our kid"),
        pytest.param(token(OTHER, kid=key_id(OTHER.public_key())), id="unknown kid"),
        pytest.param(token(kid=None), id="no kid"),
        pytest.param(f"{HEAD}.{BODY}.{SIGNATURE[:-6]}AAAAAA", id="altered signature"),
        pytest.param(f"{HEAD}.{BODY[:-4]}AAAA.{SIGNATURE}", id="altered claims"),
        pytest.param(token(iat=NOW - 100, exp=NOW - 40), id="expired"),
        pytest.param(token(iat=NOW + 10_000, exp=NOW + 10_060), id="from the future"),
        pytest.param(token(exp=NOW + 3600), id="lives too long"),
        pytest.param(token(aud="public"), id="wrong audience"),
        pytest.param(token(iss="somebody"), id="wrong issuer"),
        pytest.param(token(sub="root"), id="subject is no id"),
        pytest.param(token(sub=7), id="subject is a number"),
        pytest.param(token(role=None), id="no role"),
        pytest.param(token(scopes="jobs:read"), id="scopes is a text"),
        pytest.param(token(scopes=[1]), id="scope is a number"),
        pytest.param(token(sid=5), id="session is a number"),
        *(
            pytest.param(token(without=name), id=f"without {name}")
            for name in ("iss", "aud", "sub", "iat", "exp", "role", "scopes")
        ),
    ],
)
def test_everything_else_is_refused_in_one_way(bad: str) -> None:
    with pytest.raises(AppError) as caught:
        VERIFIER.verify(bad)
    assert (caught.value.kind, caught.value.code) == (Kind.UNAUTHENTICATED, "identity_invalid")
    assert caught.value.message == "The identity token is not valid."


def test_a_bundle_may_hold_several_keys_for_a_change_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.pem"
    path.write_text(f"# the new one\n{pem(OTHER.public_key())}\n{pem(KEY.public_key())}")
    keys = load_public_keys(path)
    assert list(keys) == [key_id(OTHER.public_key()), KID]
    assert all(len(kid) == 16 for kid in keys)
    verifier = Verifier(keys)
    verifier.verify(token())
    verifier.verify(token(OTHER, kid=key_id(OTHER.public_key())))


def test_a_bundle_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.pem"
    path.write_text("")
    with pytest.raises(ValueError, match="holds no public key"):
        load_public_keys(path)
    rsa = generate_private_key(65537, 2048).public_key()
    path.write_bytes(rsa.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ValueError, match="only Ed25519"):
        load_public_keys(path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer ", None),
        ("Bearer", None),
        ("", None),
    ],
)
def test_bearer(value: str, expected: str | None) -> None:
    assert bearer({"authorization": value}) == expected
    assert bearer({}) is None


async def test_the_authenticator_of_users() -> None:
    authenticate = user_authenticator(VERIFIER)
    assert await authenticate("/any", {"authorization": f"Bearer {token()}"}) == VERIFIER.verify(token())
    assert await authenticate("/any", {}) is None
    with pytest.raises(AppError):
        await authenticate("/any", {"authorization": "Bearer nonsense"})
