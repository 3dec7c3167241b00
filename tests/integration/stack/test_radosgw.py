"""RadosGW as the launcher starts it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.integration.stack.test_backing import put_get_delete, wrong_secret
from tests.integration.stack.test_launcher import family, info, launched, put_object, stored
from tests.integration.stack.test_supervisor import gone, until
from tseeder_stack import backing
from tseeder_stack.options import StackOptions
from tseeder_stack.s3 import S3Server, signed
from tseeder_stack.site import Site

pytestmark = pytest.mark.radosgw


async def test_radosgw_stores_and_refuses_a_wrong_secret(radosgw: S3Server) -> None:
    assert await asyncio.to_thread(put_get_delete, radosgw) == [HTTPStatus.OK, HTTPStatus.OK, HTTPStatus.NO_CONTENT]
    assert await asyncio.to_thread(wrong_secret, radosgw) == HTTPStatus.FORBIDDEN


async def test_agents_may_put_and_nothing_else_and_jobs_may_read_and_delete_what_they_put(radosgw: S3Server) -> None:
    path = f"/{radosgw.bucket}/key"

    def as_agent(method: str, where: str = path, body: bytes = b"") -> int:
        return signed(radosgw, method, where, body=body, keys=radosgw.agent)[0]

    def check() -> None:
        assert as_agent("PUT", body=b"bytes") == HTTPStatus.OK
        for method in ("GET", "HEAD", "DELETE"):
            assert as_agent(method) == HTTPStatus.FORBIDDEN, method
        assert as_agent("GET", f"/{radosgw.bucket}") == HTTPStatus.FORBIDDEN
        assert signed(radosgw, "GET", path) == (HTTPStatus.OK, b"bytes")
        assert signed(radosgw, "DELETE", path)[0] == HTTPStatus.NO_CONTENT

    await asyncio.to_thread(check)


@asynccontextmanager
async def radosgw_on(state: Path) -> AsyncIterator[tuple[Site, S3Server]]:
    async with Site(StackOptions(state=state)) as site:
        server = backing.plan_s3(site, "radosgw")
        await backing.start_s3(site, server)
        yield site, server


@pytest.mark.faults
async def test_every_one_of_its_daemons_may_be_killed_and_the_next_day_its_monitor_may_listen_elsewhere(
    state: Path,
) -> None:
    async with radosgw_on(state) as (site, server):
        for name in ("ceph-osd", "ceph-mon", "radosgw"):
            site.child(name).kill()
            await site.child(name).wait_ready(30)
            await put_object(server)
            assert await stored(server) == (HTTPStatus.OK, b"yesterday"), name
            assert site.child(name).restarts == 1
        before = site.ports.given["ceph-mon"]
    blocker = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", before)
    async with blocker, radosgw_on(state) as (site, server):
        assert site.ports.given["ceph-mon"] != before
        assert await stored(server) == (HTTPStatus.OK, b"yesterday")


@pytest.mark.faults
async def test_nothing_of_it_outlives_a_launcher_that_is_killed_and_its_data_is_found_again(state: Path) -> None:
    async with radosgw_on(state) as (_, server):
        await put_object(server)
    async with launched(state, "radosgw") as launcher:
        pids = family([program["pid"] for program in info(state)["programs"].values()])
        assert len(pids) == 3
        launcher.kill()
        await until(lambda: all(gone(pid) for pid in pids))
    async with radosgw_on(state) as (_, server):
        assert await stored(server) == (HTTPStatus.OK, b"yesterday")


async def test_as_root_its_daemons_have_a_user_of_their_own(site: Site, radosgw: S3Server) -> None:
    assert radosgw.kind == "radosgw"
    for name in ("ceph-mon", "ceph-osd", "radosgw"):
        owner = os.stat(f"/proc/{site.child(name).pid}").st_uid  # noqa: PTH116 - /proc does not block
        assert owner != 0
        assert os.geteuid() in (0, owner)
