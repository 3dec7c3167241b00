"""Readers of what is not stored yet, while agents fall away."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.bench import processes
from tests.e2e.fixtures import MakeSample
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import MIB, World
from tests.faults.long.ground import Ground
from tests.faults.long.modes import KEY
from tests.faults.looking import holder, lease
from tseeder_cli.wire import File
from tseeder_pg import open_pool, transaction
from tseeder_testkit.torrents import Sample

PATIENT = httpx.Timeout(120.0)
SIZE = 48 * MIB
READERS = 50
EACH = 8 * MIB  # more than the sockets on the way take in
MOST_EACH_MIB = 4


@KEY
async def test_a_reader_goes_on_with_the_successor_which_fetches_for_him_what_s3_has_in_parts(
    ground: Ground, world: World, swarm: Swarm, sample: MakeSample
) -> None:
    """The agent is frozen for good: its connection stays open, and gives nothing. Parts of an unfinished upload cannot
    be read from S3, and the successor would not fetch them for itself."""
    made = await sample(SIZE)
    await swarm.seed(made, rate=3 * MIB)
    job = await world.ann.submit(swarm.torrent(made))
    (file,) = (await world.ann.files(job)).values()
    url = f"/v1/files/{file['file_id']}/content"
    whole = await asyncio.to_thread(made.path_of(made.files[0]).read_bytes)
    digest, read, victim = hashlib.sha256(), 0, ""
    try:
        async with world.ann.http() as http:
            async with http.stream("GET", url, timeout=PATIENT) as answer:
                async for chunk in answer.aiter_bytes():
                    digest.update(chunk)
                    read += len(chunk)
                    if read < 12 * MIB or victim:
                        continue
                    await wait_for(lambda: _parts_stored(world), "a part is in S3")
                    victim = await holder(world, job)
                    _, epoch = await lease(world, job) or ("", 0)
                    world.stack.kill(victim, signal.SIGSTOP)
                    await ground.until_later(job, epoch)
                    early = await http.get(url, headers={"Range": "bytes=1000-99999"}, timeout=PATIENT)
                    assert early.content == whole[1000:100_000]
                    assert (await world.ann.client.job(job["job_id"]))["state"] in ("downloading", "storing")
        assert read == SIZE
        assert digest.hexdigest() == made.files[0].sha256
    finally:
        if victim:
            world.stack.kill(victim, signal.SIGCONT)
    await world.ann.has(await world.ann.completed(job), made)


class SlowReader:
    """Asks for EACH bytes of a file, and takes only what it is told to; its socket holds little."""

    def __init__(self, world: World, file: File, first: int) -> None:
        self.first = first
        self._key = world.ann.key
        self._port = urlsplit(world.stack.gateway_url).port
        self._path = f"/v1/files/{file['file_id']}/content"
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self._got = bytearray()

    async def begin(self) -> None:
        """Up to the end of the head, and what comes with it."""
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, ("127.0.0.1", self._port))
        wanted = f"Range: bytes={self.first}-{self.first + EACH - 1}"
        head = f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._key}\r\n{wanted}\r\n\r\n"
        await loop.sock_sendall(self._socket, head.encode())
        while b"\r\n\r\n" not in self._got:
            await self._take()
        status, _, rest = self._got.partition(b"\r\n")
        assert status == b"HTTP/1.1 206 Partial Content", status
        self._got = rest.partition(b"\r\n\r\n")[2]

    async def rest(self) -> bytes:
        """The whole body."""
        while len(self._got) < EACH:
            await self._take()
        return bytes(self._got)

    async def _take(self) -> None:
        got = await asyncio.get_running_loop().sock_recv(self._socket, 64 * 1024)
        assert got, "the answer broke off"
        self._got += got

    def leave(self) -> None:
        """Close the connection."""
        self._socket.close()


class Still:
    """Whether the gateway hands out nothing more: the same count at some looks in a row."""

    LOOKS = 8

    def __init__(self, world: World) -> None:
        self._url = f"http://127.0.0.1:{world.stack.parts.ports['gateway.ops']}/metrics"
        self._last, self._times = -1.0, 0

    async def __call__(self) -> bool:
        """For `wait_for`."""
        async with httpx.AsyncClient(trust_env=False) as http:
            text = (await http.get(self._url)).text
        sent = float(re.findall(r"^tseeder_gateway_content_bytes_total (\S+)", text, re.MULTILINE)[0])
        self._times = self._times + 1 if sent == self._last else 0
        self._last = sent
        return sent > 0 and self._times >= self.LOOKS


@asynccontextmanager
async def _streams_allowed(world: World, count: int) -> AsyncIterator[None]:
    """jobs asks billing every few seconds; that it has shows in the storage, of which there is a byte more by then."""
    url = world.stack.parts.database_urls["billing"]
    change = "UPDATE plans SET streams = $1, storage_bytes = $2 WHERE is_default"
    async with open_pool(url, min_size=0, max_size=1, application_name="faults") as pool:
        async with transaction(pool) as tx:
            before = await tx.fetchrow("SELECT streams, storage_bytes FROM plans WHERE is_default")
            assert before is not None
            await tx.execute(change, count, before["storage_bytes"] + 1)

        async def known() -> bool:
            usage = await world.ann.client.usage()
            return bool(usage["storage_limit_bytes"] == before["storage_bytes"] + 1)

        try:
            await wait_for(known, "jobs knows the plan")
            yield
        finally:
            async with transaction(pool) as tx:
                await tx.execute(change, before["streams"], before["storage_bytes"])


def _without_its_end(made: Sample, root: Path) -> Path:
    """The sample's data with other bytes in its last piece, which nobody then offers. Blocking."""
    shutil.copytree(made.root, root)
    file = root / made.path_of(made.files[0]).relative_to(made.root)
    with file.open("r+b") as data:
        data.seek(-made.piece_length, os.SEEK_END)
        data.write(bytes(made.piece_length))
    return root


@KEY
async def test_fifty_readers_who_stop_cost_little_and_hold_nobody_up(
    ground: Ground, world: World, swarm: Swarm, sample: MakeSample
) -> None:
    """Each takes the head of his answer and then nothing: that is when the gateway holds most for him. All but one go
    on and get the right bytes while that one still stands, and then he does, too."""
    made = await sample(SIZE)
    lacking = await asyncio.to_thread(_without_its_end, made, made.root.with_name("lacking"))
    await swarm.seed(made, root=lacking)
    whole = await asyncio.to_thread(made.path_of(made.files[0]).read_bytes)
    gateway = world.stack.pid("gateway")
    assert gateway is not None
    async with _streams_allowed(world, READERS), AsyncExitStack() as opened:
        job = await world.ann.submit(swarm.torrent(made))
        (file,) = (await world.ann.files(job)).values()
        await world.ann.fetched(job, 0.9)
        before = processes.memory(gateway).rss
        processes.forget_peak(gateway)
        readers = [SlowReader(world, file, number * MIB // 2) for number in range(READERS)]
        for reader in readers:
            opened.callback(reader.leave)
        await asyncio.gather(*(reader.begin() for reader in readers))
        await wait_for(Still(world), "nothing more is handed to anybody")
        assert processes.peak_mib(gateway) - before < MOST_EACH_MIB * READERS
        *others, last = readers
        for reader in (*others, last):
            assert await reader.rest() == whole[reader.first : reader.first + EACH]
        assert (await world.ann.client.job(job["job_id"]))["state"] in ("downloading", "storing")
    await swarm.seed(made)
    await world.ann.has(await world.ann.completed(job), made)


async def _parts_stored(world: World) -> bool:
    return await world.count("SELECT count(*) FROM parts WHERE etag IS NOT NULL") > 0
