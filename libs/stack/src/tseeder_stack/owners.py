"""Operating-system users for programs that refuse, or should not have, root; and folders that such users can reach."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tseeder_stack.errors import StackError

SYSTEM_FOLDER = Path("/var/lib/tseeder")
USERADD_SECONDS = 15.0
ORIGIN = "state-folder"  # in each folder below SYSTEM_FOLDER: the state folder that it belongs to


@dataclass(frozen=True)
class Owner:
    """A system user that runs one kind of program."""

    name: str
    uid: int
    gid: int


def system_user(name: str) -> Owner | None:
    """The system user `name`, made if it is missing; None if we are not root, and so run things as ourselves."""
    if os.geteuid() != 0:
        return None
    found = _find_user(name)
    if found is None:
        SYSTEM_FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)
        # Launchers take turns: of two useradds at once, both succeed, and the user is there twice.
        with (SYSTEM_FOLDER / ".useradd.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = _find_user(name) or _add_user(name)
    return found


def _find_user(name: str) -> Owner | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Owner(name, entry.pw_uid, entry.pw_gid)


def _add_user(name: str) -> Owner:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", name]
    if shutil.which("useradd") is None:
        raise StackError(f"running as root needs an OS user {name}, and there is no useradd: create that user yourself")
    deadline = time.monotonic() + USERADD_SECONDS
    while True:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if found := _find_user(name):
            return found
        if time.monotonic() > deadline:
            raise StackError(f"cannot create the OS user {name}: {result.stderr.strip()}")
        time.sleep(0.1)  # somebody else, who is no launcher, holds the lock of /etc/passwd


def can_enter(folder: Path, owner: Owner) -> bool:
    """Whether `owner` may pass through `folder` and all its parents (by their modes; ACLs are not looked at)."""
    return all(_may_search(parent, owner) for parent in (folder, *folder.parents))


def _may_search(folder: Path, owner: Owner) -> bool:
    info = folder.stat()
    if info.st_uid == owner.uid:
        return bool(info.st_mode & stat.S_IXUSR)
    if info.st_gid == owner.gid:
        return bool(info.st_mode & stat.S_IXGRP)
    return bool(info.st_mode & stat.S_IXOTH)


def data_folder(state: Path, name: str, owner: Owner | None) -> Path:
    """A private folder (mode 0700) for the data of the program `name`, owned by `owner` and in that user's reach.

    It is `<state>/<name>` where it can be; else, because the state folder lies below a folder that others cannot
    enter and that is not ours to open, `/var/lib/tseeder/<id of the state folder>/<name>`.
    """
    state = state.resolve()
    parent = state if owner is None or can_enter(state, owner) else _system_folder(state)
    folder = parent / name
    folder.mkdir(mode=0o700, exist_ok=True)
    if owner is not None:
        os.chown(folder, owner.uid, owner.gid)
    elif folder.stat().st_uid != os.geteuid():
        raise StackError(f"{folder} belongs to another user: start the stack as that user, or remove the folder")
    return folder.resolve()


def _system_folder(state: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:12]
    folder = SYSTEM_FOLDER / f"{state.parent.name}-{digest}"
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    SYSTEM_FOLDER.chmod(0o711)
    folder.chmod(0o711)
    (folder / ORIGIN).write_text(f"{state}\n")
    return folder.resolve()


def sweep_system_folders() -> None:
    """Remove data whose state folder was a temporary one and is gone (an ended test, a thrown-away clone).

    A state folder elsewhere may be on a disk that is only not mounted now: its data is left alone.
    """
    if os.geteuid() != 0 or not SYSTEM_FOLDER.is_dir():
        return
    for origin in SYSTEM_FOLDER.glob(f"*/{ORIGIN}"):
        state = Path(origin.read_text().strip())
        if state.is_relative_to(tempfile.gettempdir()) and not state.exists():
            shutil.rmtree(origin.parent, ignore_errors=True)  # another launcher may be sweeping it too


def reachable_copy(
    source: Path, label: str, parts: tuple[str, ...], owner: Owner | None, system: Path = SYSTEM_FOLDER
) -> Path:
    """`source` itself if `owner` can read it there, else a copy of its `parts` in `<system>/<label>`.

    `label` names the version: a copy that exists is taken as it is. Safe when two launchers copy at once.
    """
    if owner is None or can_enter(source.resolve(), owner):
        return source
    target = system / label
    if target.is_dir():
        return target
    system.mkdir(parents=True, exist_ok=True)
    system.chmod(0o711)
    fresh = Path(tempfile.mkdtemp(prefix=f".{label}-", dir=system))
    try:
        for part in parts:
            (fresh / part).parent.mkdir(parents=True, exist_ok=True)
            _copy(source / part, fresh / part)
        fresh.chmod(0o755)
        with contextlib.suppress(OSError):  # the other launcher was first; its copy is as good
            fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)
