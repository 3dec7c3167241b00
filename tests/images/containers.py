"""tseeder services as containers of `make images`, in place of the launcher's child processes.

They are held to what the chart holds them to: no capability, no new privileges, a read-only root, only /tmp and the
agent's scratch to write to. The network is the host's, since the stack's servers listen on loopback.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tseeder_auth.adapters.sealing import write_key_file as write_auth_key_file
from tseeder_jobs.adapters.crypto import write_key_file
from tseeder_stack import service
from tseeder_stack.options import kind_of
from tseeder_stack.program import Program

USER: Final = 10001
# Whoever a cluster names (OpenShift gives each namespace its own). The agent reads no file that has an owner.
USERS: Final = {"agent": 424242}
MOUNTED: Final = "/etc/tseeder"  # where the chart mounts the secrets, too
SCRATCH: Final = "/scratch"
RESTRICTED: Final = ("--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only", "--read-only-tmpfs=false")
TMPFS: Final = ("--tmpfs=/tmp:rw,nosuid,nodev,noexec,size=64m,mode=1777",)


def podman(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """One podman command; its exit code is the caller's to look at."""
    whole = None if env is None else {**os.environ, **env}
    return subprocess.run(["podman", *arguments], capture_output=True, text=True, check=False, timeout=60, env=whole)


def inspected(kind: str, name: str) -> dict[str, Any]:
    """What podman knows of an `image` or a `container`."""
    done = podman(kind, "inspect", name)
    assert done.returncode == 0, f"{done.stderr.strip()}: run `make images` first"
    (found,) = json.loads(done.stdout)
    return dict(found)


class Containers:
    """The containers of one stack, by the names of its services; they are named and removed together."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._prefix = f"tseeder-test-{secrets.token_hex(4)}"

    def image(self, name: str) -> str:
        """The image of a service."""
        return f"localhost/tseeder/{kind_of(name)}:{self._tag}"

    def name(self, name: str) -> str:
        """Its container."""
        return f"{self._prefix}-{name}"

    def remove(self, *names: str) -> None:
        """End and remove containers of this stack, running or not."""
        podman("rm", "--force", "--time=0", "--ignore", *map(self.name, names))

    def program(self, name: str, env: Mapping[str, str], ports: Mapping[str, int], cwd: Path, log: Path) -> Program:
        """How the launcher runs a service: in the foreground, so that podman hands its signals on."""
        folder = cwd / "mounted" / name
        inside, mounted = _inside(kind_of(name), env)
        command = ("podman", "run", f"--name={self.name(name)}", *self._options(name, inside, folder), self.image(name))

        def before_start() -> None:
            self.remove(name)
            _hand_over(mounted, folder)

        plain = service.program(name, inside, ports, cwd, log)
        # SIGKILL would end podman's client and leave the container.
        return replace(plain, argv=command, death_signal=signal.SIGTERM, before_start=before_start)

    def run_once(self, name: str, env: Mapping[str, str], state: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Another verb of a service's image, to its end. Its service must have been started before."""
        inside, _ = _inside(kind_of(name), env)
        options = self._options(name, inside, state / "mounted" / name)
        return podman("run", "--rm", *options, self.image(name), *words, env=inside)

    def _options(self, name: str, env: Mapping[str, str], folder: Path) -> Sequence[str]:
        user = USERS.get(kind_of(name), USER)
        options = ["--pull=never", "--network=host", "--http-proxy=false", f"--user={user}:{user}", *RESTRICTED, *TMPFS]
        options.append(f"--volume={folder}:{MOUNTED}:ro")
        if kind_of(name) == "agent":
            options.append(f"--tmpfs={SCRATCH}:rw,nosuid,nodev,noexec,size=512m,mode=1777")
        # Without values: podman takes them from its environment, and no list of processes shows them.
        return [*options, *(f"--env={key}" for key in sorted(env) if key.startswith("TSEEDER_"))]


def _inside(kind: str, env: Mapping[str, str]) -> tuple[dict[str, str], list[Path]]:
    """A service's environment with the paths of a container, and the files that it wants there."""
    inside, mounted = dict(env), []
    for field in ("IDENTITY_PUBLIC_KEYS", "IDENTITY_PRIVATE_KEY", "CRYPTO_KEYS"):
        if value := env.get(key := f"TSEEDER_{kind.upper()}_{field}"):
            mounted.append(Path(value))
            inside[key] = f"{MOUNTED}/{Path(value).name}"
    inside.pop("TSEEDER_JOBS_FFPROBE", None)  # this machine's: no image holds one (decision 0024)
    if kind in ("jobs", "auth"):  # made by the test: nothing is generated into a Secret
        inside[f"TSEEDER_{kind.upper()}_CRYPTO_GENERATE"] = "false"
    if kind == "agent":
        inside["TSEEDER_AGENT_SCRATCH_DIR"] = SCRATCH
    return inside, mounted


def _hand_over(files: Sequence[Path], folder: Path) -> None:
    """Copies of secrets that the containers' user may read, as a Secret's volume has them."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        if not file.exists():  # the identity keys are there; these are what jobs and auth would else make
            (write_auth_key_file if file.name.startswith("auth-") else write_key_file)(file)
        fresh = folder / f".{file.name}"
        shutil.copyfile(file, fresh)
        fresh.chmod(0o400)
        os.chown(fresh, USER, USER)
        fresh.replace(folder / file.name)
