"""The code of the last release, set up beside this tree: `.tseeder/vendor/releases/<commit>`, kept for the next run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
RELEASES: Final = ROOT / ".tseeder" / "vendor" / "releases"
READY: Final = ".ready"


def git(*arguments: str) -> str:
    """What git says about this tree."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def last_release() -> str | None:
    """The newest tag v* that is an ancestor of this tree, without this very commit's; None if there is none."""
    tags = git("tag", "--list", "v*", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-version:refname")
    return tags.splitlines()[0] if tags else None


@dataclass(frozen=True)
class Release:
    """A release's tree, with a virtual environment of its own in which its packages are installed."""

    tag: str
    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ".venv" / "bin" / "python"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Its Python with these arguments, without anything of this tree's."""
        foreign = ("PYTEST_", "PYTHONPATH", "VIRTUAL_ENV", "TSEEDER_", "COV_")
        env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        command = [str(self.python), *arguments]
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)

    def migrations(self) -> dict[str, bytes]:
        """The migration files as they were released: path -> content."""
        names = git("ls-tree", "-r", "--name-only", self.tag, "--", "services").splitlines()
        wanted = [name for name in names if "/migrations/" in name and name.endswith(".sql")]
        return {name: git_bytes("show", f"{self.tag}:{name}") for name in wanted}

    def take_migrations_of(self, tree: Path) -> None:
        """From now on its own runner, and so all of its tests, make the schema of `tree`."""
        for name in git("ls-tree", "-d", "--name-only", self.tag, "services/").splitlines():
            old, new = self.folder / name / "migrations", tree / name / "migrations"
            if new.is_dir():
                shutil.rmtree(old, ignore_errors=True)
                shutil.copytree(new, old)


def git_bytes(*arguments: str) -> bytes:
    """As `git`, of what is no text of its own."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


def set_up(tag: str) -> Release:
    """The release `tag`, installed as it says itself (its uv.lock, its scripts/setup.py)."""
    release = Release(tag, RELEASES / git("rev-parse", f"{tag}^{{commit}}"))
    if (release.folder / READY).exists():
        return release
    shutil.rmtree(release.folder, ignore_errors=True)
    release.folder.mkdir(parents=True)
    # Not `git worktree`: a run that is killed would leave its name in .git.
    with tempfile.TemporaryFile() as archive:
        archive.write(git_bytes("archive", "--format=tar", tag))
        archive.seek(0)
        with tarfile.open(fileobj=archive) as tar:
            tar.extractall(release.folder, filter="data")
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    subprocess.run([str(base), "scripts/setup.py"], cwd=release.folder, env=env, check=True, capture_output=True)
    (release.folder / READY).touch()
    return release
