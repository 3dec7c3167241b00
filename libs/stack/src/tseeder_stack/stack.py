"""The whole stack: Postgres, NATS, S3, mail and all services as child processes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Self

from tseeder_stack import backing, service
from tseeder_stack.environment import HOST, Parts, of_service, port_names
from tseeder_stack.errors import StackError
from tseeder_stack.options import StackOptions, kind_of
from tseeder_stack.program import Program
from tseeder_stack.s3 import S3Server
from tseeder_stack.site import Site

# Stopped from the highest to the lowest: agents give their leases back to jobs, the gateway ends its streams, ...
WAVES = {"agent": 13, "gateway": 12, "admin": 12, "jobs": 11, "billing": 10, "auth": 10}


class Stack:
    """`async with Stack(StackOptions(state=...)) as stack`: everything runs and is ready; leaving stops it all.

    StackError says in its text why it cannot start. Use it from one event loop, in a thread that lives on (the main
    one): the programs die with the thread that has started them.
    """

    def __init__(self, options: StackOptions, make_program: service.MakeProgram = service.program) -> None:
        self.options = options
        self._make_program = make_program
        self._site = Site(options)
        self._opened = AsyncExitStack()
        self._parts: Parts | None = None
        self._admin_database_url = ""
        self._extra: dict[str, dict[str, str]] = {name: dict(env) for name, env in options.env.items()}

    async def __aenter__(self) -> Self:
        await self._opened.enter_async_context(self._site)
        try:
            await self._start()
        except BaseException as error:
            await self._opened.aclose()
            if isinstance(error, BaseExceptionGroup):
                raise _first_reason(error) from error
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    async def _start(self) -> None:
        site = self._site
        s3 = self.options.external_s3 or backing.plan_s3(site, self.options.s3)
        async with asyncio.TaskGroup() as group:  # the S3 server may take its time: services start meanwhile
            group.create_task(backing.start_s3(site, s3))
            nats = group.create_task(backing.start_nats(site))
            mail = group.create_task(backing.start_mail(site)) if "auth" in self.service_names else None
            self._admin_database_url = await backing.start_postgres(site)
            urls = await backing.service_databases(site, self._admin_database_url)
            self._parts = Parts(
                state=site.state,
                secrets=site.secrets,
                database_urls=urls,
                nats_url=await nats,
                s3=s3,
                ports=self._service_ports(),
                log_level=self.options.log_level,
                mail=None if mail is None else await mail,
            )
            for name in self.service_names:
                group.create_task(self._start_service(name))
        if "gateway" in self.service_names:
            site.urls["gateway"] = site.child("gateway").program.url
        site.status = "running"
        site.write()

    async def _start_service(self, name: str) -> None:
        await self._site.start(self._program(name), wave=WAVES[kind_of(name)])

    def _program(self, name: str) -> Program:
        ports = {key.split(".")[1]: port for key, port in self.parts.ports.items() if key.split(".")[0] == name}
        extra = self._extra.get(kind_of(name), {}) | self._extra.get(name, {})
        env = of_service(name, self.parts) | extra
        return self._make_program(name, env, ports, self._site.state, self._site.log(name))

    def _service_ports(self) -> dict[str, int]:
        wanted = {"gateway.http": self.options.gateway_port}
        return {name: self._site.ports.pick(name, wanted.get(name, 0)) for name in port_names(self.service_names)}

    @property
    def _agents(self) -> tuple[str, ...]:
        return tuple(f"agent-{number + 1}" for number in range(self.options.agents))

    @property
    def service_names(self) -> tuple[str, ...]:
        """The tseeder services of this stack: those of the options, and "agent-1", "agent-2" ..."""
        return self.options.services + self._agents

    @property
    def parts(self) -> Parts:
        """What the services were given: URLs with credentials, ports, secrets."""
        if self._parts is None:
            raise StackError("the stack is not started")
        return self._parts

    @property
    def gateway_url(self) -> str:
        """The one public door: `http://127.0.0.1:PORT`."""
        return f"http://{HOST}:{self.parts.ports['gateway.http']}"

    @property
    def admin_database_url(self) -> str:
        """The URL of Postgres' administrator."""
        return self._admin_database_url

    @property
    def s3(self) -> S3Server:
        """The S3 server, with the keys of jobs and of agents."""
        return self.parts.s3

    @property
    def info(self) -> dict[str, Any]:
        """What stack.json says."""
        return self._site.info

    @property
    def names(self) -> tuple[str, ...]:
        """All programs: "postgres", "nats", "mail", "rclone" (or "ceph-mon", "ceph-osd", "radosgw"), services."""
        return self._site.names

    def pid(self, name: str) -> int | None:
        """The process id of a program; None while it does not run."""
        return self._site.child(name).pid

    def restarts(self, name: str) -> int:
        """How often a program was restarted after it had died."""
        return self._site.child(name).restarts

    def env(self, name: str) -> Mapping[str, str]:
        """The environment variables that the launcher gives to a service, for one-off commands of it."""
        return self._program(name).env

    def kill(self, name: str, sig: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a program. One that dies of it is restarted: `wait_ready(name)` then waits for that."""
        self._site.child(name).kill(sig)

    async def wait_ready(self, name: str, timeout_seconds: float | None = None) -> None:
        """Wait until a program is ready (again)."""
        await self._site.child(name).wait_ready(timeout_seconds or self.options.ready_seconds)

    async def stop(self, name: str) -> None:
        """Stop a program, and keep it stopped."""
        await self._site.child(name).stop()

    async def start(self, name: str, env: Mapping[str, str | None] | None = None, *, wait: bool = True) -> None:
        """Start a stopped program. `env`: more environment for a service (None: no more), kept for later restarts."""
        child = self._site.child(name)
        if env is not None:
            extra = {**self._extra.get(name, {}), **env}
            self._extra[name] = {key: value for key, value in extra.items() if value is not None}
            child.program = replace(child.program, env=self._program(name).env)
        child.launch()
        if wait:
            await child.wait_ready(self.options.ready_seconds)

    async def restart(self, name: str, env: Mapping[str, str | None] | None = None, *, wait: bool = True) -> None:
        """Stop a program gracefully and start it again; `env` as for `start`."""
        await self.stop(name)
        await self.start(name, env, wait=wait)


def _first_reason(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to show for a start in which several parts failed: the first StackError, else the first of all."""
    errors = list(_leaves(group))
    return next((error for error in errors if isinstance(error, StackError)), errors[0])


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
