"""A whole agent in the test's process, beside a real jobs service; and what its user sees of it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.integration.jobs.running import JOIN_SECRET, Service, User, eventually
from tseeder import subjects
from tseeder.agent.v1.progress_pb2 import Progress
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_agent.main import App, build
from tseeder_agent.settings import Settings
from tseeder_bus import Messages, connect
from tseeder_kit.settings import SecretStr
from tseeder_kit.telemetry import exposition
from tseeder_stack.s3 import S3Server
from tseeder_testkit.torrents import Sample

COMPLETED = model.JOB_STATE_COMPLETED
SERIAL = itertools.count(1)

QUICK: dict[str, Any] = {
    "swarm_hosts": ("127.0.0.1",),
    "admit_loopback": True,
    "dht": False,
    "stop_tracker_seconds": 0,
    "claim_seconds": 0.5,
    "progress_seconds": 0.1,
    "window_parts": 1,
    "retry_seconds": 0.1,
    "retry_longest_seconds": 0.5,
    "availability_seconds": 0.3,
    "hand_over_seconds": 5,
    "disk_full_pause_seconds": 0.2,
}


@dataclass(frozen=True)
class Working:
    """A running agent."""

    app: App
    settings: Settings

    async def is_idle(self) -> bool:
        """Whether it runs no transfer."""
        return not self.app.fleet.runs

    def sent_bytes(self) -> int:
        """What the agents of this process have put into S3."""
        found = [line for line in exposition().decode().splitlines() if line.startswith("tseeder_agent_s3_bytes_total")]
        return int(float(found[0].split()[1]))

    @property
    def scratch(self) -> list[str]:
        """The folders that it has staged."""
        return sorted(path.name for path in self.settings.scratch_dir.iterdir() if path.is_dir())


@asynccontextmanager
async def working(service: Service, scratch: Path, **changes: Any) -> AsyncIterator[Working]:
    """An agent of `service`; leaving drains it. `changes` are settings."""
    settings = agent_settings(service, scratch, **changes)
    async with build(settings) as app:
        yield Working(app, settings)


def agent_settings(service: Service, scratch: Path, **changes: Any) -> Settings:
    s3: S3Server = service.world.s3
    fields: dict[str, Any] = {
        "agent_id": f"agent-{next(SERIAL)}",
        "jobs_target": target_of(service),
        "nats_url": service.world.nats_url,
        "join_secret": SecretStr(JOIN_SECRET),
        "s3_endpoint": s3.endpoint,
        "s3_region": s3.region,
        "s3_bucket": s3.bucket,
        "s3_access_key": s3.agent.access,
        "s3_secret_key": SecretStr(s3.agent.secret),
        "scratch_dir": scratch,
        "upload_reach_parts": 16 if s3.kind == "rclone" else 0,
    }
    return Settings(**{**fields, **QUICK, **changes})


@asynccontextmanager
async def agent_process(
    service: Service, scratch: Path, *, largest_file: int, **changes: Any
) -> AsyncIterator[asyncio.subprocess.Process]:
    """An agent as it is started in earnest, in a process of its own whose files may have `largest_file` bytes."""
    fields = agent_settings(service, scratch, **changes).model_dump()
    env = {f"TSEEDER_AGENT_{name.upper()}": _text(value) for name, value in fields.items() if value is not None}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        LIMITED,
        str(largest_file),
        env={**{name: value for name, value in os.environ.items() if not name.startswith("TSEEDER_")}, **env},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 60)


LIMITED = """
import resource, runpy, sys
limit = int(sys.argv.pop())
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
runpy.run_module("tseeder_agent", run_name="__main__")
"""


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def target_of(service: Service) -> str:
    """host:port of the service's gRPC server."""
    return f"127.0.0.1:{service.settings.rpc_port}"


async def completed(user: User, job: model.Job | str, seconds: float = 100) -> model.Job:
    """The job once it is completed."""
    last = await user.job(job)

    async def there() -> bool:
        nonlocal last
        last = await user.job(job)
        return last.state == COMPLETED

    try:
        await eventually(there, seconds)
    except TimeoutError:
        raise AssertionError(f"the job is not completed: {last}") from None
    return last


async def assert_stored(user: User, job: model.Job | str, sample: Sample, wanted: Sequence[int] | None = None) -> None:
    """Every wanted file of the job is an object whose bytes equal the torrent's; the others are not."""
    files = await user.files(job)
    true = {file.path: file for file in sample.files}
    for file in files:
        if not file.size_bytes or (wanted is not None and file.file_index not in wanted):
            continue
        found = await user.open_read(file)
        assert found.WhichOneof("source") == "object", file
        digest = await sha256_of(found.object.url)
        path = sample.name if sample.single else "/".join(file.path)
        assert digest == true[path].sha256, file
        assert file.crc32


async def sha256_of(url: str) -> str:
    """Of what a presigned URL gives."""
    digest = hashlib.sha256()
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        assert answer.status == 200
        async for chunk in answer.content.iter_chunked(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


async def reason_code(user: User, job: model.Job | str, *codes: str, seconds: float = 60) -> None:
    """Wait until the job's reason has one of these codes."""

    async def there() -> bool:
        return (await user.job(job)).reason.code in codes

    await eventually(there, seconds)


async def while_it_runs(user: User, job: model.Job | str, *, past: Callable[[model.Job], bool]) -> model.Job:
    """The job, not yet completed, once `past` holds of it."""

    async def there() -> bool:
        return past(await user.job(job))

    await eventually(there)
    return await user.job(job)


@asynccontextmanager
async def listening(service: Service, job: model.Job) -> AsyncIterator[list[Progress]]:
    """The progress messages of a job, as they come."""
    shown: list[Progress] = []
    async with connect(service.world.nats_url, name="test") as bus:
        await eventually(lambda: _is(bus.connected))
        async with bus.listen(subjects.job_progress(job.job_id)) as messages:
            taking = asyncio.create_task(_take(messages, shown))
            yield shown
            taking.cancel()


async def _take(messages: Messages, shown: list[Progress]) -> None:
    async for message in messages:
        shown.append(Progress.FromString(message.data))


async def _is(truth: bool) -> bool:
    return truth
