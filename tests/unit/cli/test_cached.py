"""What `tseeder cached` asks about, and how it asks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import httpx
import pytest

from tests.unit.cli.wires import Script, client
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.verbs.cached import hashes_of
from tseeder_testkit.torrents import FileSpec, TorrentSpec, write_torrent

V1, V2 = "AB" * 20, "cd" * 32


@pytest.mark.parametrize(
    ("source", "hashes"),
    [
        (V1, [V1]),
        (V2, [V2]),
        ("MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK", ["MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK"]),
        (f"magnet:?xt=urn:btih:{V1}&dn=x&tr=http%3A%2F%2Ftracker%2Fpasskey", [V1]),
        (f"MAGNET:?dn=x&xt=URN:BTMH:1220{V2}", [V2]),
        (f"magnet:?xt.1=urn:btih:{V1}&xt.2=urn:btmh:1220{V2}", [V1, V2]),
    ],
)
def test_hashes_of_a_source(source: str, hashes: list[str]) -> None:
    assert hashes_of(source) == hashes


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_hashes_of_a_torrent_file(tmp_path: Path, version: str) -> None:
    spec = TorrentSpec((FileSpec("a.bin", 20_000),), name="t", seed=1, piece_length=16384, version=version)  # type: ignore[arg-type]
    sample = write_torrent(tmp_path / "t", spec)
    path = tmp_path / "with-trackers.torrent"
    path.write_bytes(sample.torrent_bytes(trackers=["http://127.0.0.1:1/passkey"]))
    assert hashes_of(str(path)) == [digest for digest in (sample.info_hash_v1, sample.info_hash_v2) if digest]


@pytest.mark.parametrize("source", ["magnet:?dn=x", "magnet:?xt=urn:ed2k:abc", "nowhere.torrent", ""])
def test_what_names_no_torrent(source: str) -> None:
    with pytest.raises(CliError) as caught:
        hashes_of(source)
    assert (caught.value.code, caught.value.exit_code) == ("bad_source", ExitCode.USAGE)


@pytest.mark.parametrize("content", [b"le", b"de", b"d4:info", b"d4:infoi1ee", b"<html>", b"d4:info" + b"l" * 500])
def test_a_file_that_is_no_torrent(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.torrent"
    path.write_bytes(content)
    with pytest.raises(CliError) as caught:
        hashes_of(os.fspath(path))
    assert caught.value.code == "bad_torrent"


async def test_the_question_is_repeated_while_nobody_answers() -> None:
    item = {"info_hash": V1, "state": "stored"}
    script = Script([httpx.ReadError("reset"), httpx.Response(200, json={"items": [item]})])
    async with client(script) as http:
        (told,) = await http.check_cache([V1])
    assert dict(told) == item
    for request in script.requests:
        assert (request.method, request.url.path) == ("POST", "/v1/cache/check")
        assert json.loads(request.content) == {"info_hashes": [V1]}
