"""Two network namespaces without names, and a link between them; both are gone when their holders are."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.integration.agent.safety.places import (
    ASSIGNED,
    GATEWAY,
    GATEWAY6,
    INSIDE,
    INSIDE6,
    LINK_LOCAL6,
    RESOLVER,
)
from tseeder_stack.run_once import prelude

_ROOT: Final = Path(__file__).parents[4]
_RESOLV: Final = f"nameserver {RESOLVER}\noptions timeout:5 attempts:3\n"
_HOSTS: Final = "127.0.0.1 localhost\n::1 localhost\n"


@dataclass(frozen=True)
class Namespace:
    """`holder` is the process that keeps it, with mounts of its own: /etc/resolv.conf and /etc/hosts."""

    holder: int

    def command(self, *argv: str) -> tuple[str, ...]:
        """The words that run `argv` in it; it dies with this process."""
        inside = (
            "nsenter",
            f"--net=/proc/{self.holder}/ns/net",
            f"--mount=/proc/{self.holder}/ns/mnt",
            f"--wd={_ROOT}",
            "--",
        )
        return (*prelude(None), *inside, *argv)

    def do(self, *argv: str) -> None:
        """Run a command of `ip` and its like in it."""
        run(*self.command(*argv))


def run(*argv: str) -> None:
    """RuntimeError with the command's words if it fails."""
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"`{' '.join(argv[-8:])}` failed: {result.stderr.strip()}")


@contextmanager
def two_namespaces(folder: Path) -> Iterator[tuple[Namespace, Namespace]]:
    """(inside, world): the agent's, whose every way leads over `wire0`, and what lies beyond it, with all addresses."""
    with ExitStack() as stack:
        inside = stack.enter_context(_held(folder))
        world = stack.enter_context(_held(folder))
        for namespace in (inside, world):
            namespace.do("ip", "link", "set", "lo", "up")
        wire(inside, world, "wire0", (INSIDE, GATEWAY), (INSIDE6, GATEWAY6))
        world.do("ip", "address", "add", f"{LINK_LOCAL6}/64", "dev", "wire0", "nodad")
        for address in ASSIGNED:
            world.do("ip", "address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else []))
        inside.do("ip", "route", "add", "default", "via", GATEWAY)
        inside.do("ip", "-6", "route", "add", "default", "via", GATEWAY6)
        yield inside, world


def wire(inside: Namespace, world: Namespace, name: str, v4: tuple[str, str], v6: tuple[str, str] | None) -> None:
    """A link `name` between them, with these addresses (inside, world)."""
    inside.do("ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", str(world.holder))
    for side, namespace in enumerate((inside, world)):
        namespace.do("ip", "address", "add", f"{v4[side]}/24", "dev", name)
        if v6 is not None:
            namespace.do("ip", "address", "add", f"{v6[side]}/64", "dev", name, "nodad")
        namespace.do("ip", "link", "set", name, "up")


@contextmanager
def _held(folder: Path) -> Iterator[Namespace]:
    resolv, hosts = folder / "resolv.conf", folder / "hosts"
    resolv.write_text(_RESOLV)
    hosts.write_text(_HOSTS)
    script = (
        f"mount --bind {resolv} /etc/resolv.conf && mount --bind {hosts} /etc/hosts && echo ready && exec sleep 9999"
    )
    argv = [*prelude(None), "unshare", "--net", "--mount", "--", "sh", "-c", script]
    holder = subprocess.Popen(argv, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != b"ready\n":
            raise RuntimeError("no network namespace could be made")
        yield Namespace(holder.pid)
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()
