"""What an expression of a module is, read from its text: literals, constants, and choices between them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeAlias

Env: TypeAlias = Mapping[str, str | None]  # parameter -> its value, None if it cannot be read

UNKNOWN: Final = "…"  # stands in messages where a value goes


@dataclass(frozen=True)
class Module:
    """A source file. `part` is the service or library that it belongs to: `jobs`, `libs/pg`."""

    name: str
    file: str
    part: str
    tree: ast.Module
    imports: Mapping[str, tuple[str, str]]
    constants: Mapping[str, str]

    def target(self, name: str) -> tuple[str, str]:
        """(module, name) that a plain name of this module stands for."""
        return self.imports.get(name, (self.name, name))


def module_of(file: str, text: str) -> Module:
    """The module in `file`, a path such as `services/jobs/src/tseeder_jobs/domain/x.py`."""
    tree = ast.parse(text)
    kind, name, _, *rest = file.split("/")
    imports = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    dotted = ".".join(rest).removesuffix(".py").removesuffix(".__init__")
    return Module(dotted, file, name if kind == "services" else f"{kind}/{name}", tree, imports, _constants(tree))


def _constants(tree: ast.Module) -> dict[str, str]:
    """Texts at module level, by name."""
    found = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str | int):
            found[target.id] = str(value.value)
    return found


def value_of(node: ast.expr, env: Env, module: Module) -> str | None:
    """The text that `node` is; a Kind by its value, a status by its number. None: it cannot be read."""
    match node:
        case ast.Constant(value=str() | int()):
            return str(node.value)
        case ast.Name(id=name):
            return env[name] if name in env else module.constants.get(name)
        case ast.Attribute(value=ast.Name(id="Kind"), attr=name):
            return name.lower()
        case ast.Attribute(value=ast.Name(id="HTTPStatus"), attr=name):
            return str(HTTPStatus[name].value)
        case ast.JoinedStr():
            return _joined(node, env, module)
        case ast.IfExp():
            return _chosen(node, env, module)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            both = value_of(left, env, module), value_of(right, env, module)
            return None if None in both else f"{both[0]}{both[1]}"
        case _:
            return None


def _joined(node: ast.JoinedStr, env: Env, module: Module) -> str:
    """An f-string; only a message may keep UNKNOWN in it, a code with it is refused by its form."""
    text = ""
    for each in node.values:
        inner = each.value if isinstance(each, ast.FormattedValue) else each
        text += value_of(inner, env, module) or UNKNOWN
    return text


def _chosen(node: ast.IfExp, env: Env, module: Module) -> str | None:
    """`a if x == "y" else b`, where x can be read."""
    match node.test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            both = value_of(left, env, module), value_of(right, env, module)
            if None not in both:
                return value_of(node.body if both[0] == both[1] else node.orelse, env, module)
    return None
