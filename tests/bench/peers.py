"""The other way to do it, with well-known tools: download the torrent, then upload the file."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.bench import processes
from tests.bench.link import BOX, Link
from tests.bench.objects import PEERS_BUCKET, RCLONE, rclone_environment
from tests.bench.processes import Cost
from tests.bench.results import BenchError
from tseeder_stack.run_once import prelude
from tseeder_stack.s3 import S3Server
from tseeder_testkit.torrents import Sample

SECONDS: Final = 120
RPC_PORT: Final = 9091
LISTEN_PORT: Final = 6901
POLL_SECONDS: Final = 0.05

# TCP to the one seeder that there is, as the agent does it; no limits.
ARIA2: Final[tuple[str, ...]] = (
    *("aria2c", "--no-conf=true", "--seed-time=0", "--file-allocation=none", "--quiet=true", "--disable-ipv6=true"),
    *("--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false"),
    *("--disk-cache=64M", f"--listen-port={LISTEN_PORT}", "--bt-tracker-interval=2", "--allow-overwrite=true"),
)
TRANSMISSION: Final[dict[str, Any]] = {
    "rpc-bind-address": BOX,
    "rpc-port": RPC_PORT,
    "rpc-whitelist-enabled": False,
    "rpc-host-whitelist-enabled": False,
    "peer-port": LISTEN_PORT,
    "dht-enabled": False,
    "lpd-enabled": False,
    "pex-enabled": False,
    "utp-enabled": False,
    "port-forwarding-enabled": False,
    "encryption": 0,
    "cache-size-mb": 64,
    "preallocation": 0,
}


class Peers:
    """The tools that are here, run in the box; `folder` is where they put what they fetch."""

    def __init__(self, link: Link, s3: S3Server, folder: Path, s5cmd: str) -> None:
        self._link = link
        self._s3 = s3
        self._folder = folder
        self._log = folder / "peers.log"
        self._s5cmd = s5cmd  # its path, "" if it cannot be had
        folder.mkdir()

    @property
    def downloads(self) -> tuple[str, ...]:
        """The downloaders that are installed."""
        have = {"aria2c": "aria2c", "transmission": "transmission-daemon"}
        return tuple(name for name, program in have.items() if shutil.which(program))

    @property
    def uploads(self) -> tuple[str, ...]:
        """The uploaders that are installed."""
        return ("s5cmd", "rclone") if self._s5cmd else ("rclone",)

    async def download(self, name: str, sample: Sample) -> Cost:
        """Fetch the torrent into the folder."""
        if name == "transmission":
            return await self._transmission(sample)
        argv = self._link.boxed(*ARIA2, f"--dir={self._folder}", str(sample.torrent))
        return await self._run(argv)

    async def upload(self, name: str, sample: Sample, key: str) -> Cost:
        """Put the fetched file into the bucket of the peers."""
        file = str(self._folder / sample.name)
        if name == "rclone":
            argv = self._link.boxed(RCLONE, "copyto", file, f":s3:{PEERS_BUCKET}/{key}")
            return await self._run(argv, rclone_environment(self._s3))
        target = f"s3://{PEERS_BUCKET}/{key}"
        words = ("--endpoint-url", self._s3.endpoint, "cp", "-c", "8", "-p", "16", file, target)
        keys = self._s3.jobs
        env = {"AWS_ACCESS_KEY_ID": keys.access, "AWS_SECRET_ACCESS_KEY": keys.secret, "AWS_REGION": self._s3.region}
        return await self._run(self._link.boxed(self._s5cmd, *words), env)

    def forget(self, sample: Sample) -> None:
        """Remove what was fetched."""
        for path in self._folder.glob(f"{sample.name}*"):
            path.unlink()

    async def _run(self, argv: Sequence[str], env: dict[str, str] | None = None) -> Cost:
        async with asyncio.timeout(SECONDS):
            return await processes.run(argv, cwd=self._folder, env=env, log=self._log)

    async def _transmission(self, sample: Sample) -> Cost:
        """With a daemon that runs already when the time begins, as tseeder's agent does."""
        config = self._folder / "transmission"
        config.mkdir()
        settings = {**TRANSMISSION, "download-dir": str(self._folder), "incomplete-dir-enabled": False}
        (config / "settings.json").write_text(json.dumps(settings))
        argv = self._link.boxed("transmission-daemon", "--foreground", "--config-dir", str(config))
        try:
            with self._daemon(argv) as pid:
                return await _fetch(_Rpc(), pid, sample)
        finally:
            shutil.rmtree(config)

    @contextmanager
    def _daemon(self, argv: Sequence[str]) -> Iterator[int]:
        with self._log.open("ab") as log:
            process = processes.start([*prelude(None), *argv], cwd=self._folder, out=log)
        try:
            yield process.pid
        finally:
            process.kill()
            process.wait()


async def _fetch(rpc: _Rpc, pid: int, sample: Sample) -> Cost:
    await asyncio.to_thread(rpc.wait_for, rpc.answers)
    before, began = processes.cpu_seconds(pid), time.monotonic()
    metainfo = base64.b64encode(sample.torrent.read_bytes()).decode()
    await asyncio.to_thread(rpc.ask, "torrent-add", {"metainfo": metainfo})
    await asyncio.to_thread(rpc.wait_for, rpc.done)
    return Cost(time.monotonic() - began, processes.cpu_seconds(pid) - before)


class _Rpc:
    """transmission-daemon's own protocol. Blocking."""

    def __init__(self) -> None:
        self._session = ""
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def answers(self) -> bool:
        """Whether the daemon answers already."""
        with contextlib.suppress(urllib.error.URLError):
            self.ask("session-get", {"fields": ["version"]})
            return True
        return False

    def done(self) -> bool:
        """Whether the one torrent is there, and whole."""
        torrents = self.ask("torrent-get", {"fields": ["leftUntilDone"]})["torrents"]
        return bool(torrents) and torrents[0]["leftUntilDone"] == 0

    def wait_for(self, what: Callable[[], bool]) -> None:
        """Ask until it is so; BenchError after 120 s."""
        deadline = time.monotonic() + SECONDS
        while not what():
            if time.monotonic() > deadline:
                raise BenchError(f"transmission-daemon does not get done in {SECONDS} s")
            time.sleep(POLL_SECONDS)

    def ask(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One call; its arguments in the answer."""
        body = json.dumps({"method": method, "arguments": arguments}).encode()
        url = f"http://{BOX}:{RPC_PORT}/transmission/rpc"
        for _ in range(2):
            headers = {"X-Transmission-Session-Id": self._session}
            try:
                with self._opener.open(urllib.request.Request(url, body, headers), timeout=10) as answer:
                    said = json.loads(answer.read())
            except urllib.error.HTTPError as error:
                if error.code != 409:
                    raise
                self._session = error.headers["X-Transmission-Session-Id"]
                continue
            if said["result"] != "success":
                raise BenchError(f"transmission refuses {method}: {said['result']}")
            return dict(said["arguments"])
        raise BenchError("transmission gives no session")
