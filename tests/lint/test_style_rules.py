"""Rules of our own that ruff holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WAITS = '''"""What waits."""

import asyncio


async def wait(event: asyncio.Event) -> None:
    """For a second."""
    await asyncio.wait_for(event.wait(), 1)
'''


def test_wait_for_is_banned() -> None:
    """In Python 3.11 it swallows a cancellation that comes as what it waits for ends."""
    path = "services/agent/src/tseeder_agent/workers/waiting.py"
    argv = [sys.executable, "-m", "ruff", "check", "--output-format", "concise", "--stdin-filename", path, "-"]
    found = subprocess.run(argv, input=WAITS, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "TID251 `asyncio.wait_for` is banned" in found.stdout
    clean = WAITS.replace("    await asyncio.wait_for(event.wait(), 1)", "    await event.wait()")
    assert subprocess.run(argv, input=clean, cwd=ROOT, capture_output=True, text=True, check=False).returncode == 0
