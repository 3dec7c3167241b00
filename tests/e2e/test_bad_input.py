"""What cannot be right is refused by REST, each with its own problem code, and nothing is changed by it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import httpx
import pytest

from tests.e2e.unchanged import differences, everything, swept
from tests.e2e.world import World
from tseeder_testkit.bad_inputs import BAD_INFO_HASHES, BAD_MAGNETS, BAD_TORRENTS, BadText, BadTorrent

STATUS: Final = {"magnet_too_large": 413, "torrent_too_large": 413}


@pytest.fixture(scope="module")
async def strict(package_world: World) -> AsyncIterator[World]:
    """The stack as on the internet: its jobs service takes no loopback trackers."""
    stack = package_world.stack
    await stack.restart("jobs", {"TSEEDER_JOBS_ADMIT_PRIVATE_HOSTS": "false"})
    yield package_world
    await stack.restart("jobs", {"TSEEDER_JOBS_ADMIT_PRIVATE_HOSTS": "true"})


@pytest.fixture(scope="module")
async def seen(strict: World) -> dict[str, Any]:
    """What was there when somebody last looked."""
    await swept(strict)
    return await everything(strict, {})


@pytest.fixture
async def unchanged(strict: World, seen: dict[str, Any]) -> AsyncIterator[World]:
    """Jobs, usage, S3 and every row are afterwards what they were before: after the last refusal, that is."""
    yield strict
    before = dict(seen)
    seen.update(await everything(strict, {}))
    assert differences(before, seen) == {}


@pytest.fixture(scope="module")
async def http(strict: World) -> AsyncIterator[httpx.AsyncClient]:
    async with strict.ann.http() as http:
        yield http


EVERY: Final = 4


def some(cases: Mapping[str, object]) -> list[Any]:  # pytest's ParameterSet is its own affair
    """All cases, most of them for `make faults`: that each has its code is tested without a stack, too."""
    return [
        pytest.param(case, id=name, marks=[pytest.mark.faults] if number % EVERY else [])
        for number, (name, case) in enumerate(cases.items())
    ]


@pytest.mark.parametrize("bad", some(BAD_MAGNETS))
@pytest.mark.usefixtures("unchanged")
async def test_a_bad_magnet(http: httpx.AsyncClient, bad: BadText) -> None:
    _refused(await http.post("/v1/jobs", json={"magnet": bad.text}), bad.code)


@pytest.mark.parametrize("bad", some(BAD_INFO_HASHES))
@pytest.mark.usefixtures("unchanged")
async def test_a_bad_info_hash(http: httpx.AsyncClient, bad: BadText) -> None:
    _refused(await http.post("/v1/jobs", json={"info_hash": bad.text}), bad.code)


@pytest.mark.parametrize("bad", some(BAD_TORRENTS))
@pytest.mark.usefixtures("unchanged")
async def test_a_bad_torrent(http: httpx.AsyncClient, bad: BadTorrent) -> None:
    _refused(await http.post("/v1/jobs", files={"torrent": ("a.torrent", bad.make())}), bad.code)


def _refused(response: httpx.Response, code: str) -> None:
    """A whole problem, with this code."""
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (problem["code"], problem["status"]) == (code, response.status_code)
    assert response.status_code == STATUS.get(code, 400)
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"]
