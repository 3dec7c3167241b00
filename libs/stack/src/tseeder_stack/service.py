"""A tseeder service as a child process: `python -m tseeder_<name>`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TypeAlias

from tseeder_stack.environment import HOST
from tseeder_stack.options import kind_of
from tseeder_stack.program import Program, http_status

# What `program` is: from a service's name, environment, ports, working folder and log file.
MakeProgram: TypeAlias = Callable[[str, Mapping[str, str], Mapping[str, int], Path, Path], Program]

GRACE_SECONDS = 15.0  # an agent gives its leases back, the gateway lets its streams end


def program(name: str, env: Mapping[str, str], ports: Mapping[str, int], cwd: Path, log: Path) -> Program:
    """The service `name` ("jobs", "agent-2"), ready when its ops port says so. `ports` must name "ops"."""
    service = kind_of(name)

    async def ready() -> bool:
        return await http_status(HOST, ports["ops"], "/readyz") == HTTPStatus.OK

    return Program(
        name=name,
        argv=(sys.executable, "-m", f"tseeder_{service}"),
        ready=ready,
        log=log,
        cwd=cwd,
        env=env,
        ports=ports,
        url=f"http://{HOST}:{ports['http']}" if "http" in ports else "",
        grace_seconds=GRACE_SECONDS,
    )
