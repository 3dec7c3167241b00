"""Two network namespaces with a shaped link between them: a machine room on the table.

The bench itself, with the whole stack and the swarm, moves into a namespace of its own ("the room"); what is measured
runs in a second one ("the box"). Neither has a name: a namespace without one is gone, with its link, when its last
process is, and every process here dies with the bench. So nothing is left behind, also after a SIGKILL.

Services listen on 127.0.0.1. In the box that address is no address of its own, but a route over the link, so that
the same URLs (and the same S3 signatures) are right on both sides, with nothing in between that would cost CPU.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.results import BenchError
from tseeder_stack.run_once import prelude

CLONE_NEWNET: Final = 0x40000000
TOOLS: Final = ("ip", "tc", "nsenter", "unshare", "sysctl")
ROOM: Final = "10.99.0.1"
BOX: Final = "10.99.0.2"
NETWORK: Final = "10.99.0.0/30"
BITS_PER_SECOND: Final = 1_000_000_000
# The burst is what a network card's ring holds. With 256 KiB the link lost capacity whenever both CPUs were busy for
# 2 ms, as no card would.
RATE: Final = ("rate", "1gbit", "burst", "1m", "latency", "50ms")
# Linux' own default, whatever this machine's is (on the near link; the far one is left as it is): BBR takes the least
# round trip that it ever saw (50 us between two namespaces) for the link's, and so keeps no more on its way than a CPU
# that is busy for 5 ms lets run dry.
CONGESTION: Final = ("congctl", "cubic")
FRAME_BYTES: Final = 1514  # a full Ethernet frame, as tbf counts it
PAYLOAD_BYTES: Final = 1448  # what TCP carries in it
HOLDER_SECONDS: Final = 5.0
DELAY_LINE: Final = Path(__file__).with_name("delay_line.py")
FAR_RATE: Final = ("rate", "100mbit", "burst", "64k", "latency", "100ms")
FAR_BITS_PER_SECOND: Final = 100_000_000
FAR_DELAY_MS: Final = 20.0  # each way


def line_seconds(size: int, bits_per_second: int = BITS_PER_SECOND) -> float:
    """How long `size` bytes take on the link in full frames of TCP."""
    return size * FRAME_BYTES / PAYLOAD_BYTES * 8 / bits_per_second


def check_rights() -> None:
    """BenchError unless namespaces and shaped links can be made here."""
    if os.geteuid() != 0:
        raise BenchError("this bench needs root, for network namespaces: sudo make bench B=ingest")
    if missing := [name for name in TOOLS if shutil.which(name) is None]:
        raise BenchError(
            f"not installed: {', '.join(missing)} (Debian, Ubuntu: apt install iproute2 util-linux procps)"
        )


@contextmanager
def room() -> Iterator[None]:
    """Move this process into a network namespace of its own. Call it before there are threads, in the main one."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/self/ns/net").open() as before:
        if libc.unshare(CLONE_NEWNET) != 0:
            reason = os.strerror(ctypes.get_errno())
            raise BenchError(f"this kernel gives no network namespace ({reason}); a container may forbid it")
        try:
            _do("ip", "link", "set", "lo", "up")
            yield
        finally:
            libc.setns(before.fileno(), CLONE_NEWNET)


@dataclass(frozen=True)
class Link:
    """The shaped link; `holder` is the process that keeps the box."""

    holder: int

    def boxed(self, *argv: str) -> tuple[str, ...]:
        """The command line that runs `argv` in the box; its process id is that of `argv`."""
        return ("nsenter", f"--net=/proc/{self.holder}/ns/net", "--", *argv)


@asynccontextmanager
async def shaped_link() -> AsyncIterator[Link]:
    """The box and its link, shaped to 1 Gbit/s each way. Only inside `room()`."""
    holder = _holder()
    try:
        await asyncio.to_thread(_moved, holder.pid)
        link = Link(holder.pid)
        await asyncio.to_thread(_wire, link)
        yield link
    finally:
        holder.kill()
        holder.wait()


@asynccontextmanager
async def far_link() -> AsyncIterator[Link]:
    """The box at the end of a line of 100 Mbit/s and FAR_DELAY_MS each way, for a swarm that is far off. Only inside
    `room()`."""
    holder = _holder()
    carrier: subprocess.Popen[bytes] | None = None
    try:
        await asyncio.to_thread(_moved, holder.pid)
        carrier = _carrier(holder.pid)
        await asyncio.to_thread(_carries, carrier)
        link = Link(holder.pid)
        await asyncio.to_thread(_wire_far, link)
        yield link
    finally:
        for process in (carrier, holder):
            if process is not None:
                process.kill()
                process.wait()


def _carrier(holder: int) -> subprocess.Popen[bytes]:
    argv = [*prelude(None), sys.executable, "-I", "-S", str(DELAY_LINE), str(holder), str(FAR_DELAY_MS)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE)


def _carries(carrier: subprocess.Popen[bytes]) -> None:
    if carrier.stdout is None or carrier.stdout.readline().strip() != b"ready":
        raise BenchError("the delayed line could not be made (/dev/net/tun is wanted)")


def _wire_far(link: Link) -> None:
    for name, address, wrap in (("room1", ROOM, _plain), ("far0", BOX, link.boxed)):
        _do(*wrap("ip", "address", "add", f"{address}/30", "dev", name))
        _do(*wrap("ip", "link", "set", name, "up"))
        _do(*wrap("tc", "qdisc", "add", "dev", name, "root", "tbf", *FAR_RATE))
    _do(*link.boxed("ip", "link", "set", "lo", "up"))


def _holder() -> subprocess.Popen[bytes]:
    return subprocess.Popen([*prelude(None), "unshare", "--net", "--", "sleep", "infinity"])


def _moved(pid: int) -> None:
    """Wait until the holder is in its own namespace."""
    ours, deadline = Path("/proc/self/ns/net").readlink(), time.monotonic() + HOLDER_SECONDS
    while Path(f"/proc/{pid}/ns/net").readlink() == ours:
        if time.monotonic() > deadline:
            raise BenchError("no second network namespace could be made")
        time.sleep(0.01)


def _wire(link: Link) -> None:
    _do("ip", "link", "add", "room0", "type", "veth", "peer", "name", "box0")
    _do("ip", "link", "set", "box0", "netns", str(link.holder))
    for name, address, wrap in (("room0", ROOM, _plain), ("box0", BOX, link.boxed)):
        _do(*wrap("ip", "address", "add", f"{address}/30", "dev", name))
        _do(*wrap("ip", "link", "set", name, "up"))
        # Packets from and to 127.0.0.1 may pass this device, which Linux else drops.
        _do(*wrap("sysctl", "-qw", f"net.ipv4.conf.{name}.route_localnet=1"))
        _do(*wrap("tc", "qdisc", "add", "dev", name, "root", "tbf", *RATE))
        # By route: a namespace may only choose what its host lets everybody choose.
        _do(*wrap("ip", "route", "change", NETWORK, "dev", name, "src", address, *CONGESTION))
    _do(*link.boxed("ip", "link", "set", "lo", "up"))
    _do(*link.boxed("ip", "address", "del", "127.0.0.1/8", "dev", "lo"))
    _do(*link.boxed("ip", "route", "add", "127.0.0.1/32", "via", ROOM, "dev", "box0", "src", BOX, *CONGESTION))


def _plain(*argv: str) -> tuple[str, ...]:
    return argv


def _do(*argv: str) -> None:
    """Run a command of `ip` and its like."""
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BenchError(f"`{' '.join(argv)}` failed: {result.stderr.strip()}")
