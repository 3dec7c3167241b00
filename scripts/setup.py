"""Make .venv and install everything that the project runs on. Standard library only; run through `make setup`.

uv does the work, in the version and with the hashes that uv.lock names. It is itself a dependency, so `uv sync` keeps
it: only a first run has to fetch it with pip, into a virtual environment made by this Python.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
WANTED = (3, 11)


class SetupError(Exception):
    """Why it cannot be set up, as a line for the person who runs it."""


def take_turns() -> None:
    """Wait while another `make` sets up; the lock ends with this process."""
    folder = ROOT / ".tseeder"
    folder.mkdir(exist_ok=True)
    fcntl.flock(os.open(folder / "setup.lock", os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX)


def locked_uv() -> str:
    """The requirement line for uv, with all hashes, from uv.lock."""
    import tomllib  # from 3.11 on, which main() has made sure of

    with (ROOT / "uv.lock").open("rb") as file:
        packages = tomllib.load(file)["package"]
    package = next(package for package in packages if package["name"] == "uv")
    hashes = [wheel["hash"] for wheel in package["wheels"]]
    return " \\\n    ".join([f"uv=={package['version']}", *(f"--hash={value}" for value in hashes)])


def make_venv(place: Path) -> None:
    """Make a virtual environment with pip in it, and uv by pip."""
    try:
        venv.create(place, with_pip=True, clear=place.exists())
    except (subprocess.CalledProcessError, ModuleNotFoundError) as error:
        raise SetupError(
            "this Python cannot make a virtual environment with pip (Debian, Ubuntu: apt install python3-venv)"
        ) from error
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(locked_uv() + "\n")
        requirements.flush()
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--only-binary=:all:", "--require-hashes", "--requirement", requirements.name])


def run(command: list[str]) -> None:
    """Run a command whose own words, on stderr, say why it fails."""
    result = subprocess.run(command, cwd=ROOT, check=False)
    if result.returncode != 0:
        raise SetupError(f"{Path(command[0]).name} failed: see above")


def main() -> int:
    if sys.version_info < WANTED:
        sys.stderr.write(f"tseeder needs Python 3.11 or newer; this is {sys.version.split()[0]} ({sys.executable}).\n")
        sys.stderr.write("Name another one: make setup PYTHON=python3.13\n")
        return 1
    parser = argparse.ArgumentParser(description="Make .venv and install everything into it (make setup).")
    parser.add_argument("--uv-only", metavar="FOLDER", type=Path, help="only uv, into an environment of its own there")
    uv_only = parser.parse_args().uv_only
    try:
        if uv_only:  # for the images' builds
            make_venv(uv_only)
            return 0
        take_turns()
        if not (VENV / "bin" / "uv").exists():
            sys.stderr.write("setup: making .venv\n")
            make_venv(VENV)
        sys.stderr.write("setup: installing what uv.lock names\n")
        uv = [str(VENV / "bin" / "uv"), "sync", "--frozen", "--all-packages", "--quiet"]
        run([*uv, "--no-python-downloads", "--python", str(VENV / "bin" / "python")])
        run([str(VENV / "bin" / "python"), "-m", "tseeder_stack.nats"])
    except SetupError as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
