"""The signing key's files."""

import stat
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tseeder_auth.adapters.identity_key import KeyFileError, generate_pair, load_signer
from tseeder_rpc import Verifier, load_public_keys

USER = UUID(int=7)


def test_what_it_signs_is_verified_with_the_public_half(tmp_path: Path) -> None:
    private, public = generate_pair(tmp_path / "keys")
    signer = load_signer(private)
    verifier = Verifier(load_public_keys(public))
    token = signer.mint(USER, "admin", ("me:read", "admin:read"), UUID(int=9), datetime.now(UTC))
    principal = verifier.verify(token.text)
    assert (principal.user_id, principal.role, principal.session_id) == (USER, "admin", str(UUID(int=9)))
    assert principal.scopes == {"me:read", "admin:read"}
    assert verifier.verify(signer.mint(USER, "user", (), None, datetime.now(UTC)).text).session_id is None


def test_after_a_rotation_both_keys_verify(tmp_path: Path) -> None:
    old, new = (generate_pair(tmp_path / name) for name in ("old", "new"))
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(old[1].read_bytes() + new[1].read_bytes())
    verifier = Verifier(load_public_keys(bundle))
    for private, _ in (old, new):
        assert verifier.verify(load_signer(private).mint(USER, "user", (), None, datetime.now(UTC)).text)


def test_the_private_key_is_for_its_owner_and_never_overwritten(tmp_path: Path) -> None:
    private, public = generate_pair(tmp_path)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes(), public.read_bytes()
    with pytest.raises(KeyFileError):
        generate_pair(tmp_path)
    assert before == (private.read_bytes(), public.read_bytes())


def test_a_file_that_is_no_such_key_is_one_line(tmp_path: Path) -> None:
    text, other = tmp_path / "text.pem", tmp_path / "other.pem"
    text.write_text("secret text")
    key = generate_private_key(SECP256R1())
    other.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for path in (text, other, tmp_path / "missing.pem", tmp_path):
        with pytest.raises(KeyFileError) as caught:
            load_signer(path)
        assert len(str(caught.value).splitlines()) == 1
        assert "secret text" not in str(caught.value)
