"""What uv.lock says: which packages a package brings along."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from scripts.generators import ROOT

Packages: TypeAlias = Mapping[str, Mapping[str, Any]]  # name -> its table in uv.lock

LOCK: Final = ROOT / "uv.lock"


def locked() -> Packages:
    """All packages of uv.lock, of one version each."""
    tables = tomllib.loads(LOCK.read_text())["package"]
    packages = {table["name"]: table for table in tables}
    if len(packages) != len(tables):
        raise ValueError("uv.lock has two versions of a package: closure() would have to ask for their markers")
    return packages


def closure(packages: Packages, name: str) -> frozenset[str]:
    """`name` and all that it needs, without the dependency groups: on any platform, so markers are not asked."""
    found: set[tuple[str, str]] = set()  # (package, extra), "" for what it needs anyway
    open_ends = [(name, "")]
    while open_ends:
        end = open_ends.pop()
        if end not in found:
            found.add(end)
            open_ends += _next(packages[end[0]], end[1])
    return frozenset(package for package, _ in found)


def _next(table: Mapping[str, Any], extra: str) -> list[tuple[str, str]]:
    needs = table.get("optional-dependencies", {})[extra] if extra else table.get("dependencies", [])
    return [(need["name"], each) for need in needs for each in ("", *need.get("extra", []))]


def members(packages: Packages, names: frozenset[str]) -> list[str]:
    """The folders of those that are in this repository: `libs/kit`, `services/jobs`."""
    sources = (packages[name]["source"] for name in names)
    return sorted(source["editable"] for source in sources if "editable" in source)
