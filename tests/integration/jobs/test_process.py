"""The service as a process: verbs, readiness, and what it does without what it stands on."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.jobs.conftest import MakeSample
from tests.integration.jobs.playing import Agent, pieces
from tests.integration.jobs.running import JOIN_SECRET, User, World, eventually, refused, running
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder_auth.adapters.identity_key import generate_pair
from tseeder_jobs.main import build
from tseeder_jobs.settings import Settings
from tseeder_kit.settings import SecretStr, SettingsError, load
from tseeder_stack.provision import Database
from tseeder_stack.run_once import prelude

NOWHERE = "127.0.0.1:9"


def environment(database: Database, folder: Path, **changes: str) -> dict[str, str]:
    """A process's settings, with nothing to be reached but Postgres."""
    _, public = generate_pair(folder)
    fields = {
        "DATABASE_URL": database.urls["jobs"],
        "NATS_URL": f"nats://{NOWHERE}",
        "IDENTITY_PUBLIC_KEYS": str(public),
        "BILLING_TARGET": NOWHERE,
        "AGENT_JOIN_SECRET": JOIN_SECRET,
        "S3_ENDPOINT": f"http://{NOWHERE}",
        "S3_BUCKET": "bucket",
        "S3_ACCESS_KEY": "key",
        "S3_SECRET_KEY": "secret-of-s3",
        "CRYPTO_KEYS": str(folder / "crypto-keys.json"),
        "CRYPTO_GENERATE": "true",
        "PARSER_PROCESSES": "1",
    }
    return {f"TSEEDER_JOBS_{name}": value for name, value in {**fields, **changes}.items()}


async def run(env: Mapping[str, str], *verb: str) -> tuple[int, str, str]:
    """`python -m tseeder_jobs <verb>` to its end."""
    process = await start(env, *verb)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def start(env: Mapping[str, str], *verb: str) -> asyncio.subprocess.Process:
    """The process, which ends with the tests, however they end."""
    return await asyncio.create_subprocess_exec(
        *prelude(None),
        sys.executable,
        "-m",
        "tseeder_jobs",
        *verb,
        env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ready(port: int) -> tuple[int, dict[str, Any]]:
    """What /readyz says."""
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/readyz") as answer:
        return answer.status, await answer.json()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def test_migrate_then_serve_then_an_orderly_end(database: Database, tmp_path: Path) -> None:
    port = free_port()
    env = environment(database, tmp_path, OPS_PORT=str(port))
    code, out, _ = await run(env, "migrate")
    assert (code, out.split()[0]) == (0, "0001_jobs")

    process = await start(env)

    async def is_ready() -> bool:
        try:
            return (await ready(port))[0] == 200
        except aiohttp.ClientError:
            return False

    await eventually(is_ready)  # without NATS, billing and S3
    process.send_signal(signal.SIGTERM)
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    assert b"secret-of-s3" not in err
    assert b"BACK UP THIS FILE" in err
    assert (tmp_path / "crypto-keys.json").stat().st_mode & 0o777 == 0o600


async def test_wrong_settings_are_one_clear_line(migrated_database: Database, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^TSEEDER_JOBS_LEASE_SECONDS: .*SELF_STOP_SECONDS.*$"):
        load(Settings, "jobs", environment(migrated_database, tmp_path, LEASE_SECONDS="1"))


async def test_keys_that_are_missing_stop_the_start(migrated_database: Database, tmp_path: Path) -> None:
    env = environment(migrated_database, tmp_path, CRYPTO_GENERATE="false")
    for changes, told in (
        ({"TSEEDER_JOBS_IDENTITY_PUBLIC_KEYS": str(tmp_path / "nowhere.pem")}, "IDENTITY_PUBLIC_KEYS cannot be read"),
        ({"TSEEDER_JOBS_IDENTITY_PUBLIC_KEYS": __file__}, "IDENTITY_PUBLIC_KEYS: the file holds no public key"),
        ({}, "crypto-keys.json is missing"),
    ):
        with pytest.raises(SettingsError, match=told):
            async with build(load(Settings, "jobs", {**env, **changes})):
                raise AssertionError("it started")


async def test_not_ready_without_postgres_but_alive(jobs_world: World) -> None:
    nobody, port = free_port(), free_port()
    url = re.sub(r":\d+/", f":{nobody}/", jobs_world.database.urls["jobs"])
    starting = running(jobs_world, database_url=SecretStr(url), ops_port=port)
    task = asyncio.ensure_future(starting.__aenter__())

    async def says_so() -> bool:
        try:
            status, told = await ready(port)
        except aiohttp.ClientError:
            return False
        return status == 503 and set(told["failing"]) == {"postgres", "start"}

    await eventually(says_so)
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/healthz") as alive:
        assert alive.status == 200
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_without_object_storage_submits_go_on(jobs_world: World, s3_client: Any, sample: MakeSample) -> None:
    """It is ready, accepts and gives leases; only what needs the bytes waits, and says so."""
    torrent = await sample(6 << 20, 10)
    async with running(jobs_world, s3_endpoint=f"http://{NOWHERE}", lease_seconds=600, self_stop_seconds=400) as lame:
        assert (await ready(lame.ops_port))[0] == 200
        user = lame.user()
        job = await user.submit(torrent=torrent.torrent.read_bytes())
        played = Agent(lame, s3_client)
        await played.register()
        lease = await played.claim_one()
        described = await played.describe(lease)
        writes = [pieces(torrent, described.entries[index])[0] for index in (0, 1)]
        await refused("storage_unavailable", played.plan(lease, [writes[0].intent]))
        plans = await played.plan(lease, [writes[1].intent])
        await played.confirm(lease, [await played.write(plans[0], writes[1].body)])
        done = (await played.complete(lease, 1))[0]
        assert (done.verdict, done.reason.code) == (pb.COMPLETE_VERDICT_LATER, "storage_unavailable")
        assert (await user.job(job)).stored_files == 0

        async def told() -> bool:
            async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{lame.ops_port}/metrics") as page:
                return "tseeder_jobs_storage_up 0.0" in await page.text()

        await eventually(told)
    async with running(jobs_world, lease_seconds=600, self_stop_seconds=400) as well:
        again = Agent(well, s3_client, played.agent_id, played.boot_id, played.credential)
        await again.run(lease, torrent)  # the upload that could not be opened is opened now
        await User(well, user.user_id, user.role, user.scopes).delete(job)
