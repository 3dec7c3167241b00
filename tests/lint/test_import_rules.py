"""Each contract of .importlinter, with imports that break it: the contracts of this tree, on two trees made for them.

One tree keeps every rule, the other one breaks every rule; lint-imports runs once on each. A new contract without an
example here fails the last test.
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

CONFIG = Path(__file__).resolve().parents[2] / ".importlinter"
PREFIX = "importlinter:contract:"
SERVICES = ("gateway", "jobs", "agent", "auth", "billing", "admin")
ROOMS = ("api", "usecases", "store", "adapters", "domain")

# contract -> (file, what it says)
BREAKING: Mapping[str, tuple[tuple[str, str], ...]] = {
    "floors": (
        ("tseeder_kit/up.py", "import tseeder_pg"),  # a lower floor imports a higher one
        ("tseeder_jobs/usecases/sideways.py", "import tseeder_billing"),  # a service imports its sibling
        ("tseeder_bus/sideways.py", "from tseeder_rpc import serve"),  # a library imports its sibling
    ),
    **{
        f"rooms-{service}": (
            (f"tseeder_{service}/domain/up.py", f"import tseeder_{service}.usecases"),
            (f"tseeder_{service}/settings.py", f"import tseeder_{service}.api"),
        )
        for service in SERVICES
    },
    "rooms-billing": (("tseeder_billing/helpers.py", ""),),  # no such room
    "pure-domain": (
        ("tseeder_auth/domain/waits.py", "import asyncio"),
        ("tseeder_agent/domain/wired.py", "from google.protobuf.message import Message"),
        ("tseeder_gateway/domain/calls.py", "import tseeder_rpc"),
    ),
    "transport-without-sql": (("tseeder_jobs/api/shortcut.py", "import tseeder_jobs.store"),),
}


def contracts() -> dict[str, configparser.SectionProxy]:
    config = configparser.ConfigParser()
    config.read(CONFIG)
    return {name.removeprefix(PREFIX): config[name] for name in config.sections() if name.startswith(PREFIX)}


def vendors() -> dict[str, tuple[str, ...]]:
    """contract -> the libraries that only some may import."""
    return {
        name: tuple(section["forbidden_modules"].split())
        for name, section in contracts().items()
        if name.startswith("vendor-")
    }


def tree(folder: Path, files: Iterable[tuple[str, str]]) -> Path:
    """Every package that the contracts name, empty, and `files`."""
    config = configparser.ConfigParser()
    config.read(CONFIG)
    for package in config["importlinter"]["root_packages"].split():
        rooms = ROOMS if package.removeprefix("tseeder_") in SERVICES else ()
        for part in (package, *(f"{package}/{room}" for room in rooms)):
            (folder / part).mkdir()
            (folder / part / "__init__.py").touch()
    for name, text in files:
        with (folder / name).open("a") as file:
            file.write(text + "\n")
    return folder


def lint(folder: Path) -> dict[str, tuple[bool, str]]:
    """What lint-imports says of a tree: contract's name -> (whether it is kept, what breaks it)."""
    program = Path(sys.executable).with_name("lint-imports")
    command = [str(program), "--no-cache", "--config", str(CONFIG)]
    env = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "400"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)", done.stdout, re.MULTILINE))
    assert verdicts, done.stdout + done.stderr
    assert done.returncode == int("BROKEN" in verdicts.values())
    parts = re.split(r"^(.+)\n-{3,}\n", done.stdout.partition("Broken contracts")[2], flags=re.MULTILINE)
    why = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {name: (verdict == "KEPT", why.get(name, "")) for name, verdict in verdicts.items()}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bool, str]]:
    return lint(tree(tmp_path_factory.mktemp("kept"), ()))


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bool, str]]:
    files = [file for some in BREAKING.values() for file in some]
    files += [("tseeder_stack/tools.py", f"import {library}") for some in vendors().values() for library in some]
    return lint(tree(tmp_path_factory.mktemp("broken"), files))


def test_a_tree_that_keeps_them(kept: dict[str, tuple[bool, str]]) -> None:
    assert set(kept) == {section["name"] for section in contracts().values()}
    assert all(fine for fine, _ in kept.values()), kept


@pytest.mark.parametrize(
    ("contract", "file", "text"), [(name, *file) for name, files in BREAKING.items() for file in files if file[1]]
)
def test_an_import_that_breaks_it(contract: str, file: str, text: str, broken: dict[str, tuple[bool, str]]) -> None:
    fine, why = broken[contracts()[contract]["name"]]
    importer = file.removesuffix(".py").replace("/", ".")
    imported = text.split()[1].removesuffix(".protobuf.message")  # of what is not ours, the top is told
    assert not fine
    assert re.search(rf"{re.escape(importer)} -> {re.escape(imported)}\b", why), why


@pytest.mark.parametrize("contract", vendors())
def test_a_library_has_its_own_importers(contract: str, broken: dict[str, tuple[bool, str]]) -> None:
    fine, why = broken[contracts()[contract]["name"]]
    assert not fine
    for library in vendors()[contract]:
        assert f"tseeder_stack.tools -> {library}" in why


def test_a_room_of_another_name_is_none(broken: dict[str, tuple[bool, str]]) -> None:
    fine, why = broken["Rooms of billing"]
    assert not fine
    assert "helpers" in why


def test_every_contract_has_its_example(broken: dict[str, tuple[bool, str]]) -> None:
    assert {name for name, (fine, _) in broken.items() if fine} == set()
    assert set(contracts()) == set(BREAKING) | set(vendors())
