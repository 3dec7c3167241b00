"""The launcher itself: what it leaves behind when it is killed, and what it finds when it comes again."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.integration.stack.test_supervisor import gone, until
from tseeder_pg import connection, open_pool, transaction
from tseeder_stack import backing
from tseeder_stack.errors import StackError
from tseeder_stack.options import StackOptions
from tseeder_stack.s3 import S3Server, signed
from tseeder_stack.site import Site

LAUNCHER = Path(__file__).with_name("launcher.py")


@asynccontextmanager
async def launched(state: Path, what: str = "servers") -> AsyncIterator[asyncio.subprocess.Process]:
    """A launcher in a process (and a session) of its own, ready."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(LAUNCHER), str(state), what), stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert process.stdout
    try:
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def servers_on(state: Path) -> AsyncIterator[tuple[Site, str, S3Server]]:
    """The same in this process: the site, Postgres' URL, the S3 server."""
    async with Site(StackOptions(state=state, safe=False)) as site:
        server = backing.plan_s3(site, "rclone")
        url, _, _ = await asyncio.gather(
            backing.start_postgres(site), backing.start_nats(site), backing.start_s3(site, server)
        )
        yield site, url, server


def info(state: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((state / "stack.json").read_text())
    return content


def family(pids: list[int]) -> list[int]:
    """The processes and all that descend from them."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents.setdefault(int(entry.read_text().rpartition(")")[2].split()[1]), []).append(int(entry.parent.name))
        except OSError:
            continue
    found = list(pids)
    for pid in found:
        found.extend(parents.get(pid, []))
    return found


async def put_row(url: str) -> None:
    async with open_pool(url, application_name="test") as pool, transaction(pool) as tx:
        await tx.execute("CREATE TABLE kept AS SELECT 'yesterday' AS word")


async def row(url: str) -> str:
    async with open_pool(url, application_name="test") as pool, connection(pool) as held:
        word: str = await held.fetchval("SELECT word FROM kept")
        return word


async def put_object(server: S3Server) -> None:
    assert (await asyncio.to_thread(signed, server, "PUT", f"/{server.bucket}/kept", body=b"yesterday"))[0] == 200


async def stored(server: S3Server) -> tuple[int, bytes]:
    return await asyncio.to_thread(signed, server, "GET", f"/{server.bucket}/kept")


async def test_nothing_outlives_a_launcher_that_is_killed_and_its_data_is_found_again(state: Path) -> None:
    async with servers_on(state) as (site, url, server):
        await put_row(url)
        await put_object(server)
        ports = dict(site.ports.given)
    async with launched(state) as launcher:
        programs = info(state)["programs"]
        assert all(program["ready"] for program in programs.values())
        pids = family([program["pid"] for program in programs.values()])
        assert len(pids) > len(programs)  # Postgres has children
        launcher.kill()
        await until(lambda: all(gone(pid) for pid in pids))
    async with servers_on(state) as (site, url, server):
        assert await row(url) == "yesterday"
        assert await stored(server) == (HTTPStatus.OK, b"yesterday")
        assert site.ports.given == ports  # the same addresses as yesterday


async def test_a_start_right_after_the_launcher_was_killed_waits_for_what_is_still_ending(state: Path) -> None:
    async with launched(state) as launcher:
        launcher.kill()
        await launcher.wait()
        async with servers_on(state) as (_, _, server):
            assert (await stored(server))[0] == HTTPStatus.NOT_FOUND


async def test_the_state_file_tells_what_runs_and_in_the_end_that_nothing_does(state: Path) -> None:
    async with servers_on(state) as (site, _, server):
        said = info(state)
        assert said["launcher_pid"] == os.getpid()
        assert said["urls"]["s3"] == server.endpoint
        assert said["programs"]["postgres"]["pid"] == site.child("postgres").pid
        assert said["programs"]["nats"]["log"] == str(site.log("nats"))
        assert site.secrets.text("postgres-superuser") not in (state / "stack.json").read_text()
        site.child("nats").kill()
        await site.child("nats").wait_ready(10)
        restarted = info(state)["programs"]["nats"]
        assert restarted["restarts"] == 1
        assert restarted["pid"] == site.child("nats").pid != said["programs"]["nats"]["pid"]
    assert info(state) == {"status": "stopped", "ports": said["ports"]}


async def test_a_killed_postgres_comes_back_with_every_row(state: Path) -> None:
    async with servers_on(state) as (site, url, _):
        await put_row(url)
        pids = family([site.child("postgres").pid or 0])
        site.child("postgres").kill()
        await site.child("postgres").wait_ready(20)
        assert all(gone(pid) for pid in pids)
        assert await row(url) == "yesterday"


async def test_a_pid_file_of_a_postgres_long_dead_is_no_obstacle(state: Path) -> None:
    async with servers_on(state) as (site, url, _):
        await put_row(url)
        data = site.child("postgres").program.cwd
        owner = (data / "PG_VERSION").stat()
    sleeper = await asyncio.create_subprocess_exec("sleep", "600", user=owner.st_uid)  # has that number now
    try:
        (data / "postmaster.pid").write_text(f"{sleeper.pid}\n{data}\n1700000000\n5432\n\n127.0.0.1\n\nready\n")
        async with servers_on(state) as (_, url, _):
            assert await row(url) == "yesterday"
        assert sleeper.returncode is None
    finally:
        sleeper.kill()
        await sleeper.wait()


async def test_below_a_folder_that_others_cannot_enter_data_is_put_in_reach(state: Path) -> None:
    """As root, in a root's home; as anybody else there is nothing to work around."""
    home = state / "home"
    home.mkdir(mode=0o700)
    inside = home / "clone" / ".tseeder"
    async with servers_on(inside) as (site, url, _):
        data = site.child("postgres").program.cwd
        await put_row(url)
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert data.is_relative_to("/var/lib/tseeder" if os.geteuid() == 0 else inside)
    async with servers_on(inside) as (_, url, _):
        assert await row(url) == "yesterday"
    shutil.rmtree(home)
    async with Site(StackOptions(state=state / "other")):  # any later start clears away what was thrown away
        assert not data.exists()


async def test_a_second_launcher_is_refused_and_ctrl_c_reaches_the_first_one_only(state: Path) -> None:
    async with launched(state) as launcher:
        before = info(state)
        with pytest.raises(StackError, match=f"already .launcher's pid {launcher.pid}."):
            async with Site(StackOptions(state=state)):
                pass
        assert info(state) == before
        os.killpg(launcher.pid, signal.SIGINT)  # what a terminal does
        assert await asyncio.wait_for(launcher.wait(), 60) != 0
        assert all(gone(program["pid"]) for program in before["programs"].values())
        assert info(state)["status"] == "stopped"  # a clean end, not a death
        assert "database system is shut down" in last_line(state / "logs" / "postgres.log")


def last_line(path: Path) -> str:
    return path.read_text().splitlines()[-1]
