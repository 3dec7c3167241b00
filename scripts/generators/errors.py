"""docs/reference/errors.md, from the source of every service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from scripts.generators import REFERENCE, Files
from scripts.generators.error_advice import BY_KIND, advice, forgotten
from scripts.generators.error_codes import Code, all_codes, http_phrase, read_sources, sources
from scripts.generators.literals import UNKNOWN, Module
from tseeder_kit.errors import KINDS

FILE: Final = f"{REFERENCE}/errors.md"

_AGENTS_DOOR: Final = "tseeder_jobs.api.agents"
_READERS_DOOR: Final = "tseeder_jobs.api.feed"  # other services read what happened
_BEHIND: Final = frozenset({"tseeder_admin", "tseeder_auth", "tseeder_billing", "tseeder_jobs"})
_AT_THE_START: Final = frozenset({"tseeder_pg.migrate", "tseeder_pg.migrations"})

_HEAD: Final = """# Problem codes

Generated from the source by `make generate`; do not edit.

Every error of the REST API is an RFC 9457 document, `application/problem+json`, with a `code` that stays the same
across releases, one HTTP status a code, a `request_id` that the logs know, and `errors` by field where fields are
wrong (their codes are those below, or pydantic's names of what is wrong). Decide by `code`; `detail` is for people, and
may change. A `…` below stands for what varies.

"""
_KINDS: Final = """## Kinds

| kind | HTTP | gRPC | retry | what a client does |
|---|---|---|---|---|
"""
_CLIENTS: Final = """
## What REST clients may be answered

By what the routes and the services behind them are made of; /openapi.json says which operation answers which.
"""
_AGENTS: Final = """
## What only agents are answered

The gRPC calls of agents to jobs. No REST client sees these as problems.
"""
_INSIDE: Final = """
## What nobody is answered

Raised inside a process: in logs, as the reason why a transfer failed, or at the start.
"""
_LIBRARIES: Final = {
    "libs/bus": "any service",
    "libs/kit": "any service",
    "libs/pg": "any service with a database",
    "libs/rpc": "any call between services",
}


def complaints() -> list[str]:
    """What breaks the rules: see `error_codes`, and advice about codes that are gone."""
    return read_sources()[1] + forgotten(all_codes())


def generate() -> Files:
    """The page. Exits with the complaints if there are any."""
    if found := complaints():
        raise SystemExit("\n".join(found))
    modules, codes = sources(), all_codes()
    clients = _reached(modules, lambda name: _is_door(name) and name not in (_AGENTS_DOOR, _READERS_DOOR))
    agents = _reached(modules, lambda name: name == _AGENTS_DOOR)
    public = [code for code in codes.values() if code.modules & clients]
    private = [code for code in codes.values() if not code.modules & clients and code.modules & agents]
    inside = [code for code in codes.values() if not code.modules & (clients | agents)]
    text = _HEAD + _KINDS + "".join(_kind_rows()) + _CLIENTS + "".join(_by_status(public))
    text += _AGENTS + _table(private) + _INSIDE + _table(inside)
    return {FILE: text.encode()}


def _is_door(name: str) -> bool:
    """Whether what this module raises goes to a REST client: the gateway, and what it calls."""
    service, _, rest = name.partition(".")
    return service == "tseeder_gateway" or (rest.startswith("api.") and service in _BEHIND)


def _reached(modules: list[Module], is_door: Callable[[str], bool]) -> frozenset[str]:
    """The modules that those doors import, and what these import, and so on."""
    by_name = {module.name: module for module in modules}
    reached: set[str] = set()
    waiting = [name for name in by_name if is_door(name)]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in by_name or name in _AT_THE_START:
            continue
        reached.add(name)
        waiting += [each for source, what in by_name[name].imports.values() for each in (source, f"{source}.{what}")]
    return frozenset(reached)


def _kind_rows() -> Iterable[str]:
    for kind, row in KINDS.items():
        retry = "yes" if row.retryable else "no"
        yield f"| {kind.value} | {http_phrase(row.http_status)} | {row.grpc_status} | {retry} | {BY_KIND[kind]} |\n"


def _by_status(codes: list[Code]) -> Iterable[str]:
    for status in sorted({code.status for code in codes}):
        among = [code for code in codes if code.status == status]
        retry = "; the same request may succeed later" if any(code.retryable for code in among) else ""
        yield f"\n### {http_phrase(status)}{retry}\n{_table(among, advised=True)}"


def _table(codes: list[Code], *, advised: bool = False) -> str:
    heads = ["code", "from", "what it says", *(["what a client does"] if advised else [])]
    rows = [heads, ["---"] * len(heads), *(_cells(code)[: len(heads)] for code in codes)]
    return "\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _general(messages: Sequence[str]) -> list[str]:
    """Without those that another one says with `…` for what varies."""
    forms = {message: re.compile(".+".join(map(re.escape, message.split(UNKNOWN)))) for message in messages}
    return [m for m in messages if not any(form.fullmatch(m) for other, form in forms.items() if other != m)]


def _cells(code: Code) -> list[str]:
    said = " / ".join(message.replace("|", "\\|") for message in _general(code.messages))
    parts = ", ".join(_LIBRARIES.get(part, part) for part in code.parts)
    return [f"`{code.code}`", parts, said, advice(code.code, code.kind)]
