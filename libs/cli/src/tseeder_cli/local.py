"""The stack on this machine, as its state folder tells of it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tseeder_cli import variables

STATE_FOLDER = ".tseeder"
STACK_PREFIX = "stack:"  # of its name in the configuration
DEMO_ACCOUNT = "account.json"


@dataclass(frozen=True)
class LocalStack:
    """A stack that runs now: `state` is its folder, `url` its gateway's, `secrets` the folder of its secrets."""

    state: Path
    url: str
    secrets: Path

    @property
    def server(self) -> str:
        """Its name in the configuration; its port may change, its folder stays."""
        return f"{STACK_PREFIX}{self.state}"

    @property
    def demo_folder(self) -> Path:
        """Where the demo keeps its account, its samples and what it has downloaded."""
        return self.state / "demo"

    def demo_account(self) -> tuple[str, str]:
        """The e-mail and the API key of the demo's account, so that commands work right after it; else "" both."""
        try:
            said = json.loads((self.demo_folder / DEMO_ACCOUNT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return "", ""
        if not isinstance(said, dict):
            return "", ""
        return str(said.get("email", "")), str(said.get("api_key", ""))


def default_state() -> Path:
    """TSEEDER_STATE; without it the nearest one."""
    if named := variables.read("TSEEDER_STATE"):
        return Path(named)
    return nearest_state()


def nearest_state(uid: int | None = None) -> Path:
    """`.tseeder` of the working folder or of the nearest one above that has it; else the one to make here.

    Only one that belongs to this user (`uid`): in a folder such as /tmp anybody may leave one, which would be told the
    API key.
    """
    here = Path.cwd()
    own = os.geteuid() if uid is None else uid
    for folder in (here, *here.parents):
        state = folder / STATE_FOLDER
        if (state / "stack.json").is_file() and {_owner(state), _owner(state / "stack.json")} == {own}:
            return state
    return here / STATE_FOLDER


def _owner(path: Path) -> int:
    return path.stat(follow_symlinks=False).st_uid


def running_stack(state: Path) -> LocalStack | None:
    """The stack that runs on the folder `state`; None if there is none (or it is not up yet)."""
    said = _said(state)
    if said.get("status") != "running":
        return None
    url = (said.get("urls") or {}).get("gateway")
    if not url:
        return None
    return LocalStack(state.resolve(), str(url), Path(said.get("secrets") or state / "secrets"))


def is_starting(state: Path) -> bool:
    """Whether a stack on the folder `state` is on its way up."""
    return _said(state).get("status") == "starting"


def _said(state: Path) -> dict[str, Any]:
    """What a launcher that lives says in stack.json; empty if there is none."""
    try:
        said = json.loads((state / "stack.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) and _lives(said.get("launcher_pid")) else {}


def _lives(pid: Any) -> bool:
    """Whether there is such a process."""
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
