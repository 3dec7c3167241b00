"""A state folder with the programs that run on it: what a whole stack and a test's servers have in common."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from tseeder_stack.errors import StackError
from tseeder_stack.options import StackOptions
from tseeder_stack.owners import sweep_system_folders
from tseeder_stack.ports import Ports
from tseeder_stack.program import Program
from tseeder_stack.secrets import Secrets
from tseeder_stack.state import StateFile, end_leftovers, locked, start_time
from tseeder_stack.supervisor import Child


class Site:
    """`async with Site(options) as site`: holds the folder's lock; leaving stops every program, the last wave first."""

    def __init__(self, options: StackOptions) -> None:
        self.options = options
        self.state = Path(os.path.abspath(options.state))  # noqa: PTH100 - resolve() would follow links, which may move
        self.status = "starting"
        self.urls: dict[str, str] = {}
        self._waves: dict[str, int] = {}
        self._children: dict[str, Child] = {}
        self._held = ExitStack()
        self._file = StateFile(self.state)
        self._closed = False

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._open)
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.stop_all()
        finally:
            self._closed = True
            self._file.write({"status": "stopped", "ports": self.ports.given})
            self._held.close()

    def _open(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        self._held.enter_context(locked(self.state))
        before = self._file.read()
        end_leftovers(before)
        sweep_system_folders()
        self.secrets = Secrets(self.state / "secrets")
        self.ports = Ports(before.get("ports"))
        self._held.callback(self.ports.close)
        self.write()

    async def start(self, program: Program, *, wave: int, wait: bool = True) -> None:
        """Run `program` from now on, and wait until it is ready. Higher waves are stopped before lower ones."""
        child = Child(program, self.options.console, self.write)
        self._children[program.name] = child
        self._waves[program.name] = wave
        child.launch()
        if wait:
            await child.wait_ready(self.options.ready_seconds)

    def child(self, name: str) -> Child:
        """The supervised program `name`. StackError if there is none."""
        if name not in self._children:
            raise StackError(f"no program {name} in this stack; there are: {', '.join(self._children)}")
        return self._children[name]

    @property
    def names(self) -> tuple[str, ...]:
        """All programs, in the order in which they were started."""
        return tuple(self._children)

    async def stop_all(self) -> None:
        """Stop every program, wave by wave."""
        self.status = "stopping"
        for wave in sorted(set(self._waves.values()), reverse=True):
            members = [child for name, child in self._children.items() if self._waves[name] == wave]
            await asyncio.gather(*(child.stop() for child in members))

    def log(self, name: str) -> Path:
        """The log file of a program."""
        return self.state / "logs" / f"{name}.log"

    def write(self) -> None:
        """Bring stack.json up to date."""
        if not self._closed:
            self._file.write(self.info)

    @property
    def info(self) -> dict[str, Any]:
        """What stack.json says: status, URLs (without credentials), and of each program pid, ports, log, restarts."""
        return {
            "status": self.status,
            "launcher_pid": os.getpid(),
            "urls": self.urls,
            "secrets": str(self.secrets.folder),
            "ports": self.ports.given,
            "programs": {name: _describe(child) for name, child in self._children.items()},
        }


def _describe(child: Child) -> dict[str, Any]:
    pid = child.pid
    return {
        "pid": pid,
        "started_ticks": start_time(pid) if pid else 0,  # tells it from a later process with the same number
        "ready": child.is_ready,
        "restarts": child.restarts,
        "url": child.program.url,
        "ports": dict(child.program.ports),
        "log": str(child.program.log),
    }
