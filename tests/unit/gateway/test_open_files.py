"""The limit of open files."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from tseeder_gateway.adapters.open_files import room_for

FEW = 512


@pytest.fixture
def hard() -> Iterator[int]:
    """The highest limit that there may be, with few files for now; what was comes back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def limit() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_it_is_raised_to_what_is_wanted(hard: int) -> None:
    room_for(FEW + 100)
    assert limit() == FEW + 100
    room_for(FEW)
    assert limit() == FEW + 100


def test_and_no_further_than_it_may_be(hard: int) -> None:
    if hard == resource.RLIM_INFINITY:
        room_for(100_000)
        assert limit() == 100_000
    else:
        room_for(hard + 1)
        assert limit() == hard
