"""The images of `make images`, run as the chart runs them: what is in them, what they may do, and that they work."""

from __future__ import annotations

import asyncio
import re

import pytest

from scripts.generators import lock
from scripts.generators.dockerfiles import services
from tests.e2e.fixtures import MakeSample
from tests.e2e.seeding import Swarm
from tests.e2e.world import World
from tests.images.conftest import SERVICES
from tests.images.containers import USER, USERS, Containers, inspected, podman
from tseeder_stack.options import SCHEMAS, kind_of

pytestmark = [pytest.mark.images, pytest.mark.timeout(180)]

# What is in the environment of a service's Python, besides the standard library.
DISTRIBUTIONS = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
# Run beside the service: what its first process is, and where that process's user may write.
WITHIN = """
import os
status = dict(line.split(":\\t") for line in open("/proc/1/status").read().splitlines())
print(status["Uid"].split()[1], status["Gid"].split()[1], status["CapEff"].strip(), status["CapBnd"].strip(),
      status["NoNewPrivs"].strip())
for folder in ("/", "/app", "/app/.venv", "/etc", "/var/tmp", "/run", "/tmp", "/scratch"):
    try:
        with open(f"{folder}/probe", "w"):
            os.unlink(f"{folder}/probe")
        print(folder)
    except OSError:
        pass
"""
FILM = {"feature.mkv": 11_000_000, "Ünïcödé/字幕.srt": 70_001, "empty.txt": 0, "README": 17}


@pytest.mark.parametrize("name", services())
def test_what_an_image_says(containers: Containers, name: str) -> None:
    config = inspected("image", containers.image(name))["Config"]
    assert config["User"] == f"{USER}:{USER}"
    assert config["Entrypoint"] == ["python", "-m", f"tseeder_{name}"]
    assert config["Cmd"] == ["serve"]
    assert config["StopSignal"] == "SIGTERM"
    assert set(config["ExposedPorts"]) == {f"{port}/tcp" for port in services()[name]["ports"].values()}
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    assert labels["title"] == f"tseeder-{name}"
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels["revision"])


@pytest.mark.parametrize("name", services())
def test_what_is_in_an_image(containers: Containers, name: str) -> None:
    """Its own packages, and those that uv.lock says it needs; no program that builds or installs any."""
    run = ("run", "--rm", "--pull=never", "--network=none", "--user=424242:0", "--read-only")
    done = podman(*run, "--entrypoint=python", containers.image(name), "-c", DISTRIBUTIONS)
    assert done.returncode == 0, done.stderr
    there = {re.sub(r"[-_.]+", "-", each).lower() for each in done.stdout.split()}
    packages = lock.locked()
    needed = lock.closure(packages, f"tseeder-{name}")
    assert there <= needed
    assert {each for each in needed if each.startswith("tseeder-")} <= there
    look = "for p in uv gcc cc make git; do command -v $p; done; ls /app/.venv/bin | grep -Ex 'pip.*|uv|uvx'; true"
    assert podman(*run, "--entrypoint=sh", containers.image(name), "-c", look).stdout == ""


@pytest.mark.parametrize("name", SERVICES)
def test_it_is_ready_and_may_nothing(world: World, containers: Containers, name: str) -> None:
    """Not root, no capability now or later, no place to write but /tmp (and the scratch)."""
    assert world.stack.info["programs"][name]["ready"]
    assert world.stack.restarts(name) == 0
    done = podman("exec", containers.name(name), "python", "-c", WITHIN)
    assert done.returncode == 0, done.stderr
    process, *writable = done.stdout.splitlines()
    user, group, effective, bounding, no_new_privileges = process.split()
    assert user == group == str(USERS.get(kind_of(name), USER))
    assert (int(effective, 16), int(bounding, 16), no_new_privileges) == (0, 0, "1")
    assert writable == (["/tmp", "/scratch"] if kind_of(name) == "agent" else ["/tmp"])  # noqa: S108


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_migrations_are_in_it(world: World, containers: Containers, name: str) -> None:
    """Those that the tree has, to the byte: it finds all of them applied, and would refuse another text."""
    done = containers.run_once(name, world.stack.env(name), world.stack.options.state, "migrate")
    assert (done.returncode, done.stdout) == (0, "nothing to do\n"), done.stderr


async def test_a_whole_job(world: World, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(files=FILM)
    await swarm.seed(made)
    done = await world.ann.completed(await world.ann.submit(swarm.torrent(made)))
    assert (done["stored_files"], done["stored_bytes"]) == (len(FILM), made.total_size)
    await world.ann.has(done, made)
    await world.sound()
    await world.cleared()


async def test_sigterm_ends_it_in_order(world: World, containers: Containers) -> None:
    """Each exits with 0 before its grace is over; one that were killed would say 137. The last test: they are gone."""
    for name in reversed(SERVICES):
        await world.stack.stop(name)
        state = (await asyncio.to_thread(inspected, "container", containers.name(name)))["State"]
        assert (state["Status"], state["ExitCode"]) == ("exited", 0), name
