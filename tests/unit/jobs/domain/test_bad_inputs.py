"""Every bad magnet and `.torrent` of the design's list gets its own code, and nothing of it is told again."""

from __future__ import annotations

import pytest

from tseeder_jobs.domain.magnet import parse_info_hash, parse_magnet
from tseeder_jobs.domain.torrent import parse_torrent
from tseeder_kit.errors import AppError, Kind
from tseeder_testkit.bad_inputs import BAD_INFO_HASHES, BAD_MAGNETS, BAD_TORRENTS, HASH, BadText, BadTorrent


@pytest.mark.parametrize("bad", BAD_MAGNETS.values(), ids=BAD_MAGNETS)
def test_a_bad_magnet_is_refused_with_its_own_code(bad: BadText) -> None:
    with pytest.raises(AppError) as caught:
        parse_magnet(bad.text)
    assert caught.value.code == bad.code
    assert caught.value.kind in {Kind.INVALID, Kind.TOO_LARGE}
    assert HASH[:16] not in f"{caught.value} {caught.value.details}"


@pytest.mark.parametrize("bad", BAD_INFO_HASHES.values(), ids=BAD_INFO_HASHES)
def test_a_bad_info_hash_is_refused_with_its_own_code(bad: BadText) -> None:
    with pytest.raises(AppError) as caught:
        parse_info_hash(bad.text)
    assert caught.value.code == bad.code
    assert caught.value.kind is Kind.INVALID


@pytest.mark.parametrize("bad", BAD_TORRENTS.values(), ids=BAD_TORRENTS)
def test_a_bad_torrent_is_refused_with_its_own_code(bad: BadTorrent) -> None:
    with pytest.raises(AppError) as caught:
        parse_torrent(bad.make())
    assert caught.value.code == bad.code
    assert caught.value.kind in {Kind.INVALID, Kind.TOO_LARGE}
    told = f"{caught.value} {caught.value.details}"
    assert not any(secret in told for secret in ("passwd", "example.com", "169.254", "Windows"))
