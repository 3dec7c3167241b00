"""The identity key changes under load, in files mounted as Kubernetes mounts Secrets, and nobody is refused."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt

from tests.integration.admin.running import Admin, running_admin
from tests.integration.auth.running import ROOT, Auth, eventually, running_auth
from tseeder.auth.v1 import auth_pb2
from tseeder_auth.adapters.identity_key import generate_pair
from tseeder_auth.adapters.key_rotation import activate, prepare, retire
from tseeder_kit.errors import AppError
from tseeder_rpc import use_identity
from tseeder_stack.provision import Database

FILES = ("identity-private.pem", "identity-public.pem")


class Mount:
    """A folder as kubelet keeps it: links to `..data`, which is a link to the files of one moment."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder = folder
        self._source = source
        self._moments = itertools.count()
        folder.mkdir()
        self.sync()
        for name in FILES:
            (folder / name).symlink_to(f"..data/{name}")

    def sync(self) -> None:
        """What the source holds now, all of it at once."""
        moment = f"..{next(self._moments)}"
        (self.folder / moment).mkdir()
        for name in FILES:
            shutil.copy(self._source / name, self.folder / moment / name)
        (self.folder / "..data_tmp").symlink_to(moment)
        (self.folder / "..data_tmp").replace(self.folder / "..data")


async def test_nobody_is_refused_while_the_key_changes(
    migrated_database: Database, nats_url: str, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    generate_pair(source)
    of_auth, of_admin = Mount(tmp_path / "auth", source), Mount(tmp_path / "admin", source)
    dsn, admins = migrated_database.urls["auth"], migrated_database.urls["admin"]
    async with running_auth(dsn, nats_url, of_auth.folder) as auth:
        await auth.bootstrap(ROOT)
        session = (await auth.log_in(ROOT)).session_token
        public = str(of_admin.folder / FILES[1])
        async with running_admin(admins, auth, IDENTITY_PUBLIC_KEYS=public) as admin:
            old = await fresh(auth, session)
            async with asking(auth, admin, session) as answered:
                following = prepare(source).following
                of_auth.sync()  # the one is told long before the other: it goes on signing with the old key
                await answered(20)
                assert kid_of(await fresh(auth, session)) == kid_of(old) != following
                of_admin.sync()
                activate(source)
                of_auth.sync()
                await eventually(lambda: is_signed_by(auth, session, following))
                await answered(20)
                retire(source, time.time() + 3600)
                of_auth.sync()
                of_admin.sync()
                await eventually(lambda: is_refused(auth.me.GetMe, auth_pb2.GetMeRequest(), old))
                await eventually(lambda: is_refused(admin.operations.ListUsers, auth_pb2.ListUsersRequest(), old))
                await answered(20)


@asynccontextmanager
async def asking(auth: Auth, admin: Admin, session: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Two that ask all the time, through both services; `answered(n)` returns after n more answers. A refusal fails."""
    count = 0

    async def ask() -> None:
        nonlocal count
        while True:
            with use_identity(await fresh(auth, session)):
                await auth.me.GetMe(auth_pb2.GetMeRequest())
                await admin.operations.ListUsers(auth_pb2.ListUsersRequest())
            count += 1

    async def answered(more: int) -> None:
        wanted = count + more

        async def enough() -> bool:
            for task in tasks:
                if task.done():
                    await task
            return count >= wanted

        await eventually(enough)

    tasks = [asyncio.create_task(ask()) for _ in range(2)]
    try:
        yield answered
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def fresh(auth: Auth, session: str) -> str:
    """An identity token of this moment."""
    return (await auth.exchange(session=session)).identity_token


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def is_signed_by(auth: Auth, session: str, kid: str) -> bool:
    return kid_of(await fresh(auth, session)) == kid


async def is_refused(call: Any, request: Any, token: str) -> bool:
    """Whether the token is none any more."""
    with use_identity(token):
        try:
            await call(request)
        except AppError as exc:
            return exc.code == "identity_invalid"
    return False
