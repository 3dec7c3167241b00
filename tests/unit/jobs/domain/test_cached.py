"""How much of a torrent is stored."""

from __future__ import annotations

import pytest

from tseeder_jobs.domain.cached import Cached, CacheState


@pytest.mark.parametrize(
    ("stored_bytes", "stored_files", "state"),
    [
        (0, 0, CacheState.ABSENT),
        (0, 1, CacheState.ABSENT),  # a file of 0 bytes is there of itself, and says nothing
        (100, 1, CacheState.PARTIAL),
        (100, 2, CacheState.PARTIAL),
        (300, 3, CacheState.STORED),
    ],
)
def test_states(stored_bytes: int, stored_files: int, state: CacheState) -> None:
    assert Cached(300, stored_bytes, 3, stored_files).state is state
