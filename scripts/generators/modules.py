"""docs/reference/modules.md: who imports whom, drawn from the imports in the code."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final

import grimp

from scripts.generators import REFERENCE, Files

PAGE: Final = f"{REFERENCE}/modules.md"
SERVICES: Final = ("gateway", "auth", "jobs", "billing", "admin", "agent")
LIBS: Final = ("cli", "testkit", "stack", "rpc", "bus", "pg", "s3", "kit")
PROTO: Final = "tseeder"
ROOMS: Final = ("main", "api", "workers", "usecases", "store", "adapters", "settings", "domain")

_HEAD: Final = """# Modules

Generated from the imports in the code by `make generate`. Do not edit it. An arrow: imports. What may be imported is
ruled by `.importlinter` (`make lint`); this is what is.

## Services and libraries

`proto` is libs/proto: the stubs of the contracts, and the NATS subjects. No service imports another one.

"""
_ROOMS: Final = """
## The rooms of each service

A room is a package, or a module, of `services/<name>/src/tseeder_<name>`; `__main__` is a part of `main`.
"""
_VENDORS: Final = """
## Vendor libraries

Who imports each, and so may know its names. pydantic and google.protobuf are left out: they are types more than tools.

"""
_PLAIN: Final = frozenset({"pydantic", "pydantic_core", "google", "click"})

Edges = set[tuple[str, str]]


def generate() -> Files:
    """The page."""
    graph = grimp.build_graph(
        PROTO,
        *(f"tseeder_{name}" for name in (*LIBS, *SERVICES)),
        include_external_packages=True,
        exclude_type_checking_imports=False,
        cache_dir=None,
    )
    imports = sorted(
        (module, imported) for module in graph.modules for imported in graph.find_modules_directly_imported_by(module)
    )
    page = _HEAD + _overview(imports) + _ROOMS
    for service in SERVICES:
        page += f"\n### {service}\n\n" + _rooms(service, imports, graph.modules)
    page += _VENDORS + _vendors(imports)
    return {PAGE: page.encode()}


def _overview(imports: Iterable[tuple[str, str]]) -> str:
    edges: Edges = set()
    for importer, imported in imports:
        above, below = _part(importer), _part(imported)
        if above and below and above != below:
            edges.add((above, below))
    groups = [_group("services", SERVICES), _group("libs", (*LIBS, "proto"))]
    return _mermaid(groups, edges, (*SERVICES, *LIBS, "proto"))


def _rooms(service: str, imports: Iterable[tuple[str, str]], modules: Iterable[str]) -> str:
    package = f"tseeder_{service}"
    there = {_room(package, module) for module in modules}
    edges: Edges = set()
    for importer, imported in imports:
        above, below = _room(package, importer), _room(package, imported)
        if above and below and above != below:
            edges.add((above, below))
    boxes = [f"    {room}" for room in ROOMS if room in there]
    return _mermaid(boxes, edges, ROOMS)


def _vendors(imports: Iterable[tuple[str, str]]) -> str:
    importers: dict[str, set[str]] = {}
    for importer, imported in imports:
        name = imported.partition(".")[0]
        if _part(imported) is None and _part(importer) and name not in sys.stdlib_module_names | _PLAIN:
            importers.setdefault(name, set()).add(_place(importer))
    rows = [f"| {name} | {', '.join(sorted(importers[name]))} |" for name in sorted(importers)]
    return "\n".join(["| library | imported by |", "|---|---|", *rows, ""])


def _place(module: str) -> str:
    """`jobs/adapters` for tseeder_jobs.adapters.s3; `pg` for tseeder_pg.pool."""
    part = _part(module) or module
    return f"{part}/{_room(f'tseeder_{part}', module)}" if part in SERVICES else part


def _part(module: str) -> str | None:
    """The service or library that a module is of; None for what is not ours."""
    top = module.partition(".")[0]
    if top == PROTO:
        return "proto"
    return top.removeprefix("tseeder_") if top.startswith("tseeder_") else None


def _room(package: str, module: str) -> str | None:
    """The room of a service's module; None for what is not of this service, and for the package itself."""
    if not module.startswith(f"{package}."):
        return None
    room = module.removeprefix(f"{package}.").partition(".")[0]
    return "main" if room == "__main__" else room


def _group(title: str, names: Iterable[str]) -> str:
    return "\n".join([f"    subgraph {title}", *(f"        {name}" for name in names), "    end"])


def _mermaid(boxes: Iterable[str], edges: Edges, order: tuple[str, ...]) -> str:
    return "\n".join(["```mermaid", "flowchart TD", *boxes, *_arrows(edges, order), "```", ""])


def _arrows(edges: Edges, order: tuple[str, ...]) -> Iterator[str]:
    """One line for each importer, in the given order."""
    for name in order:
        targets = [each for each in order if (name, each) in edges]
        if targets:
            yield f"    {name} --> {' & '.join(targets)}"
