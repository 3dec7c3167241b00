"""The service as a process: its verbs, health, metrics, the relay, and life without its database."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.integration.auth.running import PASSWORD, Auth, eventually, running_auth
from tests.ports import PORTS
from tseeder import subjects
from tseeder.auth.v1 import auth_pb2, auth_pb2_grpc
from tseeder_auth.adapters.identity_key import generate_pair
from tseeder_auth.main import build
from tseeder_auth.usecases.purge_expired import BATCH, purge_expired
from tseeder_bus import Bus, connect
from tseeder_kit.errors import AppError, Kind
from tseeder_kit.settings import SettingsError
from tseeder_pg import migrations_dir
from tseeder_rpc import Caller, open_channel
from tseeder_stack.provision import Database
from tseeder_stack.run_once import prelude


def environment(database: Database, nats_url: str, folder: Path, **more: str) -> dict[str, str]:
    own = {
        "DATABASE_URL": database.urls["auth"],
        "NATS_URL": nats_url,
        "IDENTITY_PRIVATE_KEY": str(folder / "identity-private.pem"),
        "IDENTITY_PUBLIC_KEYS": str(folder / "identity-public.pem"),
        "CRYPTO_KEYS": str(folder / "auth-keys.json"),
        "CRYPTO_GENERATE": "true",
        **more,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TSEEDER_")}
    return kept | {f"TSEEDER_AUTH_{name}": value for name, value in own.items()}


async def run(env: dict[str, str], *args: str, stdin: str = "") -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tseeder_auth", *args, env=env, stdin=-1, stdout=-1, stderr=-1
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate(stdin.encode())
    return process.returncode or 0, out.decode(), err.decode()


@asynccontextmanager
async def serving(env: dict[str, str], ops_port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *prelude(None), sys.executable, "-m", "tseeder_auth", env=env, stderr=-1
    )
    try:
        await eventually(lambda: is_ready(ops_port))
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def http_status(port: int, path: str) -> int:
    async with aiohttp.ClientSession() as client:
        try:
            async with client.get(f"http://127.0.0.1:{port}{path}") as answer:
                return answer.status
        except aiohttp.ClientConnectionError:
            return 0


async def is_ready(ops_port: int) -> bool:
    return await http_status(ops_port, "/readyz") == 200


async def is_connected(bus: Bus) -> bool:
    return bus.connected


@pytest.mark.faults
async def test_from_nothing_to_a_superadmin_by_the_verbs(database: Database, nats_url: str, tmp_path: Path) -> None:
    env = environment(database, nats_url, tmp_path)
    code, out, _ = await run(env, "generate-key", str(tmp_path))
    assert (code, len(out.splitlines())) == (0, 2)
    assert stat.S_IMODE((tmp_path / "identity-private.pem").stat().st_mode) == 0o600
    code, _, err = await run(env, "generate-key", str(tmp_path))
    assert code == 1
    assert "File exists" in err
    files = sorted(path.stem for path in migrations_dir("tseeder_auth").glob("*.sql"))
    assert (await run(env, "migrate"))[:2] == (0, "\n".join(files) + "\n")

    rpc_port, ops_port = PORTS.pick("rpc"), PORTS.pick("ops")
    async with serving(env | listening(rpc_port, ops_port), ops_port) as process:
        assert (await run(env, "has-admin"))[:2] == (0, "no\n")
        assert (await run(env, "add-user", "user@example.org", stdin=PASSWORD))[0] == 0
        code, _, err = await run(env, "add-user", "User@Example.org", stdin=PASSWORD)
        assert (code, len(err.splitlines())) == (3, 1)
        assert (await run(env, "add-user", "other@example.org", stdin="short"))[0] == 1
        code, token, _ = await run(env, "bootstrap-token")
        assert code == 0
        async with open_channel(f"127.0.0.1:{rpc_port}") as channel:
            sessions = auth_pb2_grpc.SessionsStub(Caller(channel, service="auth").channel)
            request = auth_pb2.BootstrapRequest(token=token.strip(), email="a@example.org", password=PASSWORD)
            await sessions.Bootstrap(request)
            made = await sessions.LogIn(auth_pb2.LogInRequest(email="user@example.org", password=PASSWORD))
            assert made.user.role == auth_pb2.ROLE_USER
        assert (await run(env, "has-admin"))[:2] == (0, "yes\n")
        code, out, err = await run(env, "bootstrap-token")
        assert (code, out) == (3, "")
        assert len(err.splitlines()) == 1
        assert "superadmin exists" in err
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0


def listening(rpc_port: int, ops_port: int) -> dict[str, str]:
    return {"TSEEDER_AUTH_RPC_PORT": str(rpc_port), "TSEEDER_AUTH_OPS_PORT": str(ops_port)}


async def test_wrong_settings_are_one_line(database: Database, nats_url: str, tmp_path: Path) -> None:
    env = environment(database, nats_url, tmp_path, SESSION_IDLE_SECONDS="soon")
    code, _, err = await run(env)
    assert code == 78
    assert len(err.splitlines()) == 1
    assert "TSEEDER_AUTH_SESSION_IDLE_SECONDS" in err


async def test_keys_that_do_not_belong_together_are_refused(auth: Auth, tmp_path: Path) -> None:
    _, other = generate_pair(tmp_path)
    for public in (other, tmp_path / "missing"):
        with pytest.raises(SettingsError):
            async with build(auth.settings.model_copy(update={"identity_public_keys": public})):
                raise AssertionError("it started")


async def test_health_and_metrics(auth: Auth) -> None:
    assert await http_status(auth.ops_port, "/healthz") == 200
    assert await http_status(auth.ops_port, "/readyz") == 200
    assert await http_status(auth.ops_port, "/metrics") == 200


async def test_without_a_database_it_starts_and_says_so(auth: Auth, nats_url: str, tmp_path: Path) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{PORTS.pick('none')}/none"
    async with running_auth(nowhere, nats_url, tmp_path) as alone:
        assert await http_status(alone.ops_port, "/healthz") == 200
        assert await http_status(alone.ops_port, "/readyz") == 503
        with pytest.raises(AppError) as caught:
            await alone.log_in("a@example.org")
        assert (caught.value.kind, caught.value.code) == (Kind.UNAVAILABLE, "database_unavailable")


async def test_what_happens_is_stamped_and_rung(auth: Auth, nats_url: str) -> None:
    async with connect(nats_url, name="test") as bus, asyncio.timeout(10):
        await eventually(lambda: is_connected(bus))
        async with bus.listen(subjects.AUTH_FEED) as rings:
            user = await auth.new_user()
            stamped = "SELECT count(*) FROM feed WHERE entity_id = $1::text::uuid AND seq IS NOT NULL"
            async for _ in rings:
                if await auth.pool.fetchval(stamped, user.user_id):
                    break


async def test_two_replicas_share_sessions_and_throttles(
    auth: Auth, auth_dsn: str, nats_url: str, tmp_path: Path
) -> None:
    folder = auth.settings.identity_private_key.parent
    async with running_auth(auth_dsn, nats_url, folder) as other:
        session = await auth.log_in((await auth.new_user()).email)
        await other.exchange(session=session.session_token)
        await other.sessions.LogOut(auth_pb2.LogOutRequest(session_token=session.session_token))
        with pytest.raises(AppError) as caught:
            await auth.exchange(session=session.session_token)
        assert caught.value.code == "session_invalid"


async def test_what_is_over_is_purged(fresh_auth: Auth) -> None:
    await fresh_auth.bootstrap("root@example.org")
    kept, over = await fresh_auth.log_in("root@example.org"), await fresh_auth.log_in("root@example.org")
    with pytest.raises(AppError):
        await fresh_auth.log_in("nobody@example.org", address="203.0.113.9")
    newest = "(SELECT session_id FROM sessions ORDER BY created_at DESC LIMIT 1)"
    await fresh_auth.pool.execute(f"UPDATE sessions SET expires_at = clock_timestamp() WHERE session_id = {newest}")  # noqa: S608
    await fresh_auth.pool.execute("UPDATE login_throttles SET last_at = last_at - '2h'::interval")
    # More than one batch of each.
    await fresh_auth.pool.execute(
        "INSERT INTO oidc_flows (state_hash, browser_hash, provider, nonce, code_verifier, redirect_uri, return_to,"
        " expires_at) SELECT int4send(n), '', '', '', '', '', '', now() - '1s'::interval FROM generate_series(1, $1) n",
        BATCH + 1,
    )
    await fresh_auth.pool.execute(
        "INSERT INTO security_events (event_id, kind, at) SELECT gen_random_uuid(), 'old', '2001-01-01'"
        " FROM generate_series(1, $1)",
        BATCH + 1,
    )
    await purge_expired(fresh_auth.pool, fresh_auth.settings.login_rules(), fresh_auth.settings.registration_rules())
    assert await fresh_auth.pool.fetchval("SELECT count(*) FROM sessions") == 1
    assert await fresh_auth.pool.fetchval("SELECT count(*) FROM login_throttles") == 0
    assert await fresh_auth.pool.fetchval("SELECT count(*) FROM oidc_flows") == 0
    assert await fresh_auth.pool.fetchval("SELECT count(*) FROM security_events WHERE kind = 'old'") == 0
    await fresh_auth.exchange(session=kept.session_token)
    with pytest.raises(AppError):
        await fresh_auth.exchange(session=over.session_token)
