"""docs/reference/settings.md, from the Settings class of each service and from what the `tseeder` command reads."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from scripts.generators import REFERENCE, Files
from tseeder_cli.main import app
from tseeder_cli.variables import VARIABLES
from tseeder_kit.settings import Settings

SERVICES: Final = ("admin", "agent", "auth", "billing", "gateway", "jobs")
PAGE: Final = f"{REFERENCE}/settings.md"

_HEADER: Final = """# Settings

Generated from the `Settings` class of each service by `make generate`. Do not edit it.

A service reads its settings once, at the start, from the environment. For the setting `LEASE_SECONDS` of `jobs` the
first of these that is set, and not empty, counts:

| variable | is |
|---|---|
| `TSEEDER_JOBS_LEASE_SECONDS` | the service's own |
| `TSEEDER_JOBS_LEASE_SECONDS_FILE` | the path of a file that holds the value, as Docker and Kubernetes mount secrets |
| `TSEEDER_LEASE_SECONDS` | shared: every service that has such a setting reads it |
| `TSEEDER_LEASE_SECONDS_FILE` | the same, from a file |

So every variable below may end in `_FILE`, but for those marked otherwise. A variable and its `_FILE` together are
refused. A line end at the end of a file is left out. Lists are separated by commas, or are JSON.

What is wrong or missing, and a `TSEEDER_<SERVICE>_...` that no setting is called, stops the start: one line on stderr
that names it and says what is wanted, exit status 78. The value is never printed. Secrets are never logged, either.

A shared form is left out where a service would take it for its own variable, and refuse it.
"""

_COMMAND: Final = """## The command `tseeder`

`tseeder up` and `tseeder demo` set the services' variables by themselves; what is set in their own environment beside
that is passed on. The command itself reads these. An option beats its variable.
"""


def generate() -> Files:
    """The page."""
    parts = [_HEADER, *(_service(name) for name in SERVICES), _COMMAND + "\n" + _command_table()]
    return {PAGE: "\n".join(parts).encode()}


def settings_class(service: str) -> type[Settings]:
    """The class that `python -m tseeder_<service>` loads."""
    found: type[Settings] = importlib.import_module(f"tseeder_{service}.settings").Settings
    return found


def _service(service: str) -> str:
    cls = settings_class(service)
    properties = cls.model_json_schema(by_alias=False)["properties"]
    rows = (_row(service, name, cls, properties[name]) for name in sorted(cls.model_fields))
    head = ("variable", "shared form", "type", "default", "secret", "what it does")
    return f"## {service}\n\n" + _table(head, rows)


def _row(service: str, name: str, cls: type[Settings], schema: Mapping[str, Any]) -> tuple[str, ...]:
    field = cls.model_fields[name]
    own = f"`TSEEDER_{service.upper()}_{name.upper()}`"
    if f"{name}_file" in cls.model_fields:
        own += " (no `_FILE`)"
    secret = "yes" if field.annotation is SecretStr else ""
    return own, _shared(name), kind(schema), _default(field), secret, field.description or ""


def _shared(name: str) -> str:
    """The variable without the service's name, unless a service would take it for one of its own, and refuse it."""
    for other in SERVICES:
        if name.startswith(f"{other}_") and name.removeprefix(f"{other}_") not in _names(other):
            return ""
    return f"`TSEEDER_{name.upper()}`"


def _names(service: str) -> Iterable[str]:
    return settings_class(service).model_fields


def kind(schema: Mapping[str, Any]) -> str:
    """What a value looks like, in words: from its JSON schema."""
    if "anyOf" in schema:
        (schema,) = [each for each in schema["anyOf"] if each.get("type") != "null"]
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    match schema["type"], schema.get("format"):
        case "array", _:
            return "list"
        case "boolean", _:
            return "`true` or `false`"
        case "string", "path":
            return "path"
        case "string", _:
            return "text"
        case number, _:
            return " ".join(["whole number" if number == "integer" else "number", *_limits(schema)])


def _limits(schema: Mapping[str, Any]) -> Iterator[str]:
    least, above, most = (schema.get(key) for key in ("minimum", "exclusiveMinimum", "maximum"))
    if least is not None and most is not None:
        yield f"from {_number(least)} to {_number(most)}"
    elif most is not None:
        yield f"above {_number(above)}, up to {_number(most)}" if above is not None else f"up to {_number(most)}"
    elif least is not None:
        yield f"from {_number(least)}"
    elif above is not None:
        yield f"above {_number(above)}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    match value:
        case None:
            return "not set"
        case "" | () | []:
            return "empty"
        case bool():
            return f"`{str(value).lower()}`"
        case float():
            return f"`{_number(value)}`"
        case tuple() | list() | frozenset():
            return f"`{','.join(map(str, value))}`"
        case SecretStr():
            return f"`{value.get_secret_value()}`"
        case Path() | str() | int():
            return f"`{value}`"
    raise TypeError(f"no words for a default of {type(value).__name__}")


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else f"{int(value)}"


def _command_table() -> str:
    rows = {name: (f"`{name}`", "yes" if each.secret else "", each.meaning) for name, each in VARIABLES.items()}
    for name, (uses, secret, meaning) in _options().items():
        rows[name] = (f"`{name}`", secret, f"{uses}: {meaning}")
    return _table(("variable", "secret", "what it does"), (rows[name] for name in sorted(rows)))


def _options() -> dict[str, tuple[str, str, str]]:
    """The options that have a variable: name -> (who has it, whether it is secret, help)."""
    found: dict[str, tuple[str, str, str]] = {}
    for path, option in _walk(typer.main.get_command(app), ""):
        if isinstance(option.envvar, str):
            uses = f"`{path} {option.opts[0]}`"
            known = found.get(option.envvar)
            secret = "yes" if "TOKEN" in option.envvar else ""
            found[option.envvar] = (f"{known[0]}, {uses}", secret, known[2]) if known else (uses, secret, _help(option))
    return found


def _help(option: click.Parameter) -> str:
    return str(getattr(option, "help", "") or "").rstrip(".")


def _walk(command: Any, path: str) -> Iterator[tuple[str, click.Parameter]]:
    path = f"{path} {command.name or 'tseeder'}".strip()
    for option in command.params:
        yield path, option
    for _, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _walk(inner, path)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)
