"""The identity key changes in steps: each may be repeated, none may be skipped, and no file is ever half written."""

from __future__ import annotations

import stat
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import jwt
import pytest

from tseeder_auth.__main__ import main
from tseeder_auth.adapters.identity_key import KeyFileError, RotatingSigner, generate_pair, load_signer
from tseeder_auth.adapters.key_rotation import NEXT_NAME, OrderError, Outcome, activate, prepare, retire
from tseeder_rpc import PublicKeys, load_public_keys

LATER = time.time() + 3600


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def twice(step: Callable[[Path], Outcome], folder: Path) -> Outcome:
    """A step, and the same once more, which changes nothing."""
    done = step(folder)
    before = files(folder)
    assert step(folder) == done
    assert files(folder) == before
    return done


def test_a_whole_rotation_step_by_step(tmp_path: Path) -> None:
    private, public = generate_pair(tmp_path)
    old = load_signer(private).kid
    prepared = twice(prepare, tmp_path)
    assert (prepared.signing, prepared.bundle) == (old, (old, prepared.following))
    assert stat.S_IMODE((tmp_path / NEXT_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(public.stat().st_mode) == 0o644
    assert load_signer(private).kid == old
    activated = twice(activate, tmp_path)
    assert (activated.signing, activated.following) == (prepared.following, "")
    assert load_signer(private).kid == prepared.following
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    retired = twice(lambda folder: retire(folder, LATER), tmp_path)
    assert (retired.signing, retired.bundle) == (prepared.following, (prepared.following,))
    assert set(load_public_keys(public)) == {prepared.following}
    assert set(files(tmp_path)) == {private.name, public.name}


def test_a_wrong_order_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    generate_pair(tmp_path)
    refused(activate, tmp_path)
    prepare(tmp_path)
    refused(lambda folder: retire(folder, LATER), tmp_path)
    (tmp_path / "identity-public.pem").write_bytes(generate_bundle(tmp_path))
    refused(activate, tmp_path)  # the bundle was put back
    prepare(tmp_path)
    activate(tmp_path)
    refused(retire, tmp_path)  # tokens of the old key are under way


def generate_bundle(folder: Path) -> bytes:
    """The bundle as it was before the next key."""
    return (folder / "identity-public.pem").read_bytes().partition(b"-----END PUBLIC KEY-----\n")[0] + (
        b"-----END PUBLIC KEY-----\n"
    )


def refused(step: Callable[[Path], object], folder: Path) -> None:
    before = files(folder)
    with pytest.raises(OrderError):
        step(folder)
    assert files(folder) == before


def test_files_that_do_not_belong_together_are_left_alone(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError):
        prepare(tmp_path)
    _, public = generate_pair(tmp_path)
    _, other = generate_pair(tmp_path / "other")
    public.write_bytes(other.read_bytes())
    for step in (prepare, activate, retire):
        with pytest.raises(KeyFileError, match="does not hold the public half"):
            step(tmp_path)


def test_a_signer_takes_up_a_key_only_when_it_is_in_its_bundle(tmp_path: Path) -> None:
    private, public = generate_pair(tmp_path)
    now = 0.0

    def clock() -> float:
        return now

    def signs() -> str:
        token = signer.mint(UUID(int=1), "user", (), None, datetime.now(UTC)).text
        return str(jwt.get_unverified_header(token)["kid"])

    signer = RotatingSigner(private, PublicKeys(public, clock), clock)
    old, before = signer.kid, public.read_bytes()
    new = prepare(tmp_path).following
    both = public.read_bytes()
    activate(tmp_path)
    public.write_bytes(before)  # mounted later than the private key
    now = 1.0
    assert [signs() for _ in range(3)] == [old] * 3
    private_now = private.read_bytes()
    private.write_text("broken")
    now = 2.0
    assert signs() == old
    private.write_bytes(private_now)
    public.write_bytes(both)
    now = 3.0
    assert signs() == new
    private.unlink()
    now = 4.0
    assert signs() == new


def test_the_verb_says_what_stands_there_and_what_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def verb(*options: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["tseeder-auth", "rotate-key", str(tmp_path), *options])
        status = main()
        said = capsys.readouterr()
        return status, said.out + said.err

    assert verb()[0] == 1
    generate_pair(tmp_path)
    assert verb("--activate")[0] == 3
    status, text = verb()
    assert status == 0
    following = load_signer(tmp_path / NEXT_NAME).kid
    assert f"next: {following}" in text
    assert "rotate-key --activate" in text
    assert verb("--retire")[0] == 3
    status, text = verb("--activate")
    assert (status, text.splitlines()[0]) == (0, f"signs: {following}")
    assert "70 s" in text
    status, text = verb("--retire")
    assert status == 3
    assert "Wait" in text
    assert "PRIVATE" not in text
