"""Generate what is committed and made from other sources: the stubs of proto/, all of docs/reference, and the
services' Dockerfiles.

`generate.py` writes them; `generate.py --check` writes nothing, and exits 1 naming each file that differs from what is
committed. Run through `make generate` and `make verify`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script, this is no package

from scripts.generators import REFERENCE, ROOT, Files, stubs

LATER: Final = ("openapi", "settings", "metrics", "states", "modules", "errors", "verdicts", "dockerfiles")
"""Modules of scripts.generators that ask the services, which import the stubs: so these are made and written before."""


def generators() -> Iterator[Callable[[], Files]]:
    """In their order; each is imported when those before it have run."""
    yield stubs.generate
    for name in LATER:
        yield import_module(f"scripts.generators.{name}").generate


def committed() -> set[str]:
    """The generated files that are there now. Hand-written neighbours of the stubs (subjects.py) are none of them."""
    made = [path for path in (ROOT / stubs.STUBS).rglob("*") if path.name.endswith(stubs.SUFFIXES)]
    made += [path for path in (ROOT / REFERENCE).rglob("*") if path.is_file()]
    made += (ROOT / "services").glob("*/Dockerfile")
    return {str(path.relative_to(ROOT)) for path in made}


def differences(fresh: Files, there: set[str]) -> list[str]:
    """One line for each file that is missing, stale, or left over from a source that is gone."""
    lines = [f"missing: {name}" for name in sorted(fresh.keys() - there)]
    lines += [f"left over: {name}" for name in sorted(there - fresh.keys())]
    return lines + [f"stale: {name}" for name in sorted(fresh.keys() & there) if stale(fresh, name)]


def stale(fresh: Files, name: str) -> bool:
    """Whether the file is not what it should be."""
    return (ROOT / name).read_bytes() != fresh[name]


def write(fresh: Files, there: set[str]) -> None:
    """Replace what is there, touching only what changed."""
    for name, content in fresh.items():
        if name not in there or stale(fresh, name):
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_bytes(content)


def remove(names: set[str]) -> None:
    """What has no source any more."""
    for name in names:
        (ROOT / name).unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if something is stale")
    check = parser.parse_args().check
    fresh: Files = {}
    there = committed()
    try:
        for generate in generators():
            made = generate()
            fresh |= made
            if not check:
                write(made, there)
    except subprocess.CalledProcessError as error:
        return error.returncode  # the program has said why on stderr
    if not check:
        remove(there - fresh.keys())
        return 0
    lines = differences(fresh, there)
    for line in lines:
        sys.stderr.write(line + "\n")
    if lines:
        sys.stderr.write("What is committed is not what its sources say: run `make generate` and commit.\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
