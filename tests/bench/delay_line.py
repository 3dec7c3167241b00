"""A slow link between two network namespaces, for kernels without netem: every packet waits, then goes on.

`python delay_line.py PID MILLISECONDS`: makes the device `room1` in this namespace and `far0` in that of process PID,
prints "ready", and carries packets between the two, each MILLISECONDS late, until it is killed or its parent dies. How
many a second is for a shaper on the devices to say.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import signal
import struct
import sys
import time
from collections import deque
from pathlib import Path

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
LONGEST_PACKET = 65_536
MOST_WAITING = 20_000
BATCH = 64


def device(name: str) -> int:
    """A TUN device in the present namespace: what is sent to it can be read, what is written has come from it."""
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return handle


def carry(ends: tuple[int, int], seconds: float) -> None:
    """For ever."""
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    waiting: deque[tuple[float, int, bytes]] = deque()  # all wait equally long, so they go in the order they came
    poll = select.poll()
    for end in ends:
        poll.register(end, select.POLLIN)
    while True:
        timeout = None if not waiting else max(0.0, (waiting[0][0] - time.monotonic()) * 1000)
        for end, _ in poll.poll(timeout):
            take(end, other[end], waiting, seconds)
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, end, packet = waiting.popleft()
            os.write(end, packet)


def take(end: int, to: int, waiting: deque[tuple[float, int, bytes]], seconds: float) -> None:
    """Some packets; beyond MOST_WAITING they are dropped, as on any line."""
    for _ in range(BATCH):
        try:
            packet = os.read(end, LONGEST_PACKET)
        except BlockingIOError:
            return
        if len(waiting) < MOST_WAITING:
            waiting.append((time.monotonic() + seconds, to, packet))


def main() -> None:
    pid, milliseconds = int(sys.argv[1]), float(sys.argv[2])
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    near = device("room1")
    with Path(f"/proc/{pid}/ns/net").open() as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "no way into the other namespace")
    far = device("far0")
    print("ready", flush=True)
    carry((near, far), milliseconds / 1000)


if __name__ == "__main__":
    main()
