"""Every problem code of the source, read from it without running it, and the rules that make this possible.

An AppError is made by a function of tseeder_kit.errors, by AppError itself, by a subclass's `super().__init__`, or by
the gateway's `problem`. Its code is a literal there, or a function in between gets it: then those who call that
function are read, with what they pass. `read_codes` gives the codes and what breaks the rules; `all_codes` is for
other generators.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Final, TypeAlias

from scripts.generators import ROOT
from scripts.generators.literals import Env, Module, module_of, value_of
from tseeder_kit.errors import INTERNAL_MESSAGE, KINDS, Kind, kind_of_grpc_status

ERRORS: Final = "tseeder_kit.errors"
APP_ERROR: Final = (ERRORS, "AppError")
UNREAD: Final[Mapping[str, str]] = {
    # module.function: whose code it passes on
    "tseeder_rpc.wire_errors.from_wire": "another service's",
    "tseeder_rpc.wire_errors.from_rpc_error": "the kind's own name, for a gRPC status that came without a code",
    "tseeder_jobs.adapters.parser._parse": "of the same domain, in a process of its own",
    "tseeder_gateway.api.problems.of_app_error": "of any AppError",
}

Key: TypeAlias = tuple[str, str]  # module, name
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

_CODE: Final = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True)
class Code:
    """A problem code. `kind` is None for the few that only HTTP knows; `parts` are `jobs`, `libs/pg`, ..."""

    code: str
    kind: Kind | None
    status: int
    parts: tuple[str, ...]
    modules: frozenset[str]
    messages: tuple[str, ...]

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind is not None and KINDS[self.kind].retryable


@dataclass(frozen=True)
class Maker:
    """A callable that makes errors: positions of its arguments. `kind` is "" where an argument says it."""

    kind: str
    kind_at: int
    code_at: int
    message_at: int


@dataclass
class Between:
    """A function that passes a code on, with the calls in it that do."""

    module: Module
    definition: Function
    sites: list[tuple[ast.Call, Key]] = field(default_factory=list)
    open: set[str] = field(default_factory=set)  # the parameters that say kind, code or message


@dataclass(frozen=True)
class Call:
    """A call of a maker, and the function that it stands in."""

    module: Module
    node: ast.Call
    target: Key
    function: Function | None
    in_class: bool


@dataclass(frozen=True)
class Raised:
    """One way to raise a code. `kind` is a kind or a status; `through` are the modules from the code to its maker."""

    kind: str
    code: str
    message: str
    module: Module
    through: frozenset[str]


@dataclass
class Found:
    """What was read: codes with where they are raised, and complaints of the form `file:line: what`."""

    raised: list[Raised] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)


class Reader:
    """Reads modules, given all of them."""

    def __init__(self, modules: list[Module]) -> None:
        self._modules = modules
        self._makers = {**_HTTP_MAKERS, **_makers_of_kit()}
        self._between: dict[Key, Between] = {}
        calls = [call for module in modules if module.name != ERRORS for call in _calls(module)]
        self._calls = sorted(calls, key=lambda call: (call.module.file, call.node.lineno, call.node.col_offset))
        self._read: set[Key] = set()  # functions in between that somebody calls
        self._found = Found()

    def run(self) -> Found:
        """Everything."""
        while [call for call in self._calls if self._passes_on(call)]:
            pass
        for call in self._calls:
            if self._is_maker(call.target) and not self._site_of(call):
                self._emit(call)
        for call in self._calls:
            if self._site_of(call) and _key(call) not in self._read:  # such as the framework's own calls
                self._emit(call)
        for module in self._modules:
            if module.name != ERRORS:
                self._found.complaints += self._used_otherwise(module)
        self._found.complaints += [f"{name}: passes no code on any more" for name in UNREAD if self._is_stale(name)]
        return self._found

    def _is_maker(self, key: Key) -> bool:
        return key in self._makers or key in self._between

    def _is_stale(self, name: str) -> bool:
        return name not in self._found.unread and any(name.startswith(module.name + ".") for module in self._modules)

    def _site_of(self, call: Call) -> bool:
        between = self._between.get(_key(call))
        return between is not None and any(node is call.node for node, _ in between.sites)

    def _passes_on(self, call: Call) -> bool:
        """Whether this call tells of a function, or of a parameter of one, that passes a code on."""
        # Nobody could tell who calls a method; `_emit` complains of it.
        if call.function is None or call.in_class or not self._is_maker(call.target) or _full_name(call) in UNREAD:
            return False
        new = self._names_told(call, call.function) & set(_parameters(call.function))
        if not new:
            return False
        between = self._between.setdefault(_key(call), Between(call.module, call.function))
        is_news = not self._site_of(call) or not new <= between.open
        if not self._site_of(call):
            between.sites.append((call.node, call.target))
        between.open |= new
        return is_news

    def _names_told(self, call: Call, function: Function) -> set[str]:
        """The names that kind and code depend on, through the function's own variables."""
        told = _names(self._telling(call))
        for name, value in _variables(function):
            if name in told:
                told |= _names([value])
        return told

    def _telling(self, call: Call) -> list[ast.expr]:
        """The arguments that say kind, code and message."""
        maker = self._makers.get(call.target)
        if maker is None:
            between = self._between[call.target]
            return [value for name, value in _arguments(between.definition, call.node) if name in between.open]
        places = [maker.code_at, maker.message_at, *([] if maker.kind else [maker.kind_at])]
        return [call.node.args[at] for at in places if at < len(call.node.args)]

    def _emit(self, call: Call) -> None:
        """Reads what a call raises, through the functions in between."""
        self._follow(call, call.node, call.target, _with_variables(call.function, {}, call.module), (call.module,))

    def _follow(self, call: Call, node: ast.Call, target: Key, env: Env, through: tuple[Module, ...]) -> None:
        """`node` is the call that `call` has led to, in the last module of `through`."""
        between = self._between.get(target)
        if between is not None:
            self._read.add(target)
            inner = _bound(between, node, env, through[-1])
            for site, key in between.sites:
                self._follow(call, site, key, inner, (*through, between.module))
            return
        kind, code, message = _said(self._makers[target], node, env, through[-1])
        if kind and _CODE.fullmatch(code):
            names = frozenset(module.name for module in through)
            self._found.raised.append(Raised(kind, code, message, call.module, names))
        elif _full_name(call) in UNREAD:
            self._found.unread.add(_full_name(call))
        else:
            self._found.complaints.append(f"{call.module.file}:{call.node.lineno}: the code is no literal")

    def _used_otherwise(self, module: Module) -> Iterator[str]:
        """A maker that is handed around, or reached through its module, is called where nobody reads it."""
        called = {id(call.func) for call in ast.walk(module.tree) if isinstance(call, ast.Call)}
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import) and any(alias.name == ERRORS for alias in node.names):
                yield f"{module.file}:{node.lineno}: import the names of {ERRORS}, not the module"
            if isinstance(node, ast.Name) and id(node) not in called and isinstance(node.ctx, ast.Load):
                key = module.target(node.id)
                if key != APP_ERROR and key in self._makers:
                    yield f"{module.file}:{node.lineno}: {node.id} makes errors; call it, do not hand it around"


_HTTP_MAKERS: Final[Mapping[Key, Maker]] = {
    ("tseeder_gateway.api.problems", "problem"): Maker("", 0, 1, 2),
    ("tseeder_gateway.api.server", "self._refuse"): Maker("", 0, 2, 3),
}


@cache
def _makers_of_kit() -> Mapping[Key, Maker]:
    """The functions of tseeder_kit.errors that make an AppError, each with the kind that its body names."""
    tree = ast.parse((ROOT / "libs/kit/src/tseeder_kit/errors.py").read_text(encoding="utf-8"))
    found = {APP_ERROR: Maker("", 0, 1, 2)}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and _gives_app_error(node):
            (kind,) = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute) and each.attr.isupper()}
            found[ERRORS, node.name] = Maker(kind.lower(), -1, 0, 1)
    return found


def _gives_app_error(node: ast.FunctionDef) -> bool:
    return isinstance(node.returns, ast.Name) and node.returns.id == "AppError"


def _calls(module: Module) -> Iterator[Call]:
    """The calls by plain name, `self._refuse`, and `super().__init__` of a subclass of AppError."""
    stack: list[tuple[ast.AST, Function | None, ast.ClassDef | None]]
    stack = [(module.tree, None, None)]
    while stack:
        node, function, owner = stack.pop()
        if isinstance(node, ast.ClassDef):
            owner = node
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node
        elif isinstance(node, ast.Call):
            target = _target(module, node, owner)
            if target is not None:
                yield Call(module, node, target, function, owner is not None)
        stack.extend((child, function, owner) for child in ast.iter_child_nodes(node))


def _target(module: Module, node: ast.Call, owner: ast.ClassDef | None) -> Key | None:
    if isinstance(node.func, ast.Name):
        return module.target(node.func.id)
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        holder = module.imports.get(node.func.value.id)
        if holder is not None:  # `problems.problem(...)`
            return ".".join(holder), node.func.attr
    text = ast.unparse(node.func)
    if text == "self._refuse":
        return module.name, text
    if text == "super().__init__" and owner is not None:
        bases = [module.target(base.id) for base in owner.bases if isinstance(base, ast.Name)]
        return APP_ERROR if APP_ERROR in bases else None
    return None


def _parameters(function: Function) -> list[str]:
    given = function.args
    return [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def _names(expressions: Iterable[ast.expr]) -> set[str]:
    return {node.id for each in expressions for node in ast.walk(each) if isinstance(node, ast.Name)}


def _variables(function: Function) -> list[tuple[str, ast.expr]]:
    """What is assigned to plain names in the function, last first."""
    assigned = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
    named = [(each.targets[0], each.value) for each in reversed(assigned)]
    return [(target.id, value) for target, value in named if isinstance(target, ast.Name)]


def _with_variables(function: Function | None, env: Env, module: Module) -> Env:
    """`env` and the variables that are assigned once; of the others nobody knows which holds."""
    if function is None:
        return env
    variables = _variables(function)
    known = dict(env)
    for name, value in reversed(variables):
        once = sum(other == name for other, _ in variables) == 1
        known[name] = value_of(value, known, module) if once else None
    return known


def _arguments(function: Function, node: ast.Call) -> list[tuple[str, ast.expr]]:
    """Parameter and expression, defaults first."""
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args)]
    found = list(zip(names[len(names) - len(given.defaults) :], given.defaults, strict=True))
    found += list(zip(names, node.args, strict=False))
    return found + [(each.arg, each.value) for each in node.keywords if each.arg]


def _bound(between: Between, node: ast.Call, env: Env, module: Module) -> Env:
    """What the parameters are in this call, as far as it can be read."""
    bound: dict[str, str | None] = dict.fromkeys(_parameters(between.definition))
    bound |= {name: value_of(value, env, module) for name, value in _arguments(between.definition, node)}
    return _with_variables(between.definition, bound, between.module)


def _said(maker: Maker, node: ast.Call, env: Env, module: Module) -> tuple[str, str, str]:
    """Kind (or status), code, message; "" for what cannot be read."""

    def argument(at: int) -> str | None:
        return value_of(node.args[at], env, module) if 0 <= at < len(node.args) else None

    kind = maker.kind or argument(maker.kind_at) or ""
    if kind == Kind.INTERNAL:
        code = argument(maker.code_at) if node.args else "internal"
        return kind, code or "", INTERNAL_MESSAGE
    message = argument(maker.message_at) or ""
    return kind, argument(maker.code_at) or "", message


def _key(call: Call) -> Key:
    return call.module.name, call.function.name if call.function else ""


def _full_name(call: Call) -> str:
    return ".".join(_key(call))


@cache
def sources() -> list[Module]:
    """All modules of services and libs, read once."""
    paths = [*ROOT.glob("services/*/src/**/*.py"), *ROOT.glob("libs/*/src/**/*.py")]
    skipped = ("libs/proto/", "libs/testkit/")
    files = sorted(str(path.relative_to(ROOT)) for path in paths)
    return [
        module_of(file, (ROOT / file).read_text(encoding="utf-8")) for file in files if not file.startswith(skipped)
    ]


def read_codes(modules: list[Module]) -> tuple[dict[str, Code], list[str]]:
    """The codes by name, sorted, and the complaints."""
    found = Reader(modules).run()
    grouped: dict[str, list[Raised]] = {}
    for each in found.raised:
        grouped.setdefault(each.code, []).append(each)
    several = [
        f"{code}: has more than one kind, in {', '.join(sorted({each.module.file for each in places}))}"
        for code, places in sorted(grouped.items())
        if len({_row(each.kind) for each in places}) > 1
    ]
    return {code: _code(code, places) for code, places in sorted(grouped.items())}, found.complaints + several


def _row(said: str) -> tuple[Kind | None, int]:
    """Kind and status of a kind's value or of a status."""
    if said.isdigit():
        return next((kind for kind, row in KINDS.items() if row.http_status == int(said)), None), int(said)
    return Kind(said), KINDS[Kind(said)].http_status


def _code(code: str, places: list[Raised]) -> Code:
    kind, status = _row(places[0].kind)
    parts = tuple(sorted({each.module.part for each in places}))
    messages = tuple(dict.fromkeys(each.message for each in places if each.message))
    return Code(code, kind, status, parts, frozenset[str]().union(*(each.through for each in places)), messages)


def bare_codes() -> dict[str, Code]:
    """Codes of calls to a service that failed with a gRPC status alone (UNREAD: from_rpc_error)."""
    own = {Kind.INTERNAL, Kind.UNAVAILABLE, Kind.DEADLINE}
    kinds = sorted({kind_of_grpc_status(row.grpc_status) for row in KINDS.values()} - own)
    module = frozenset({"tseeder_rpc.wire_errors"})
    return {
        kind.value: Code(kind.value, kind, KINDS[kind].http_status, ("libs/rpc",), module, ("… refused the call.",))
        for kind in kinds
    }


@cache
def read_sources() -> tuple[dict[str, Code], list[str]]:
    """`read_codes` of all services and libs, which takes seconds: once."""
    return read_codes(sources())


@cache
def all_codes() -> dict[str, Code]:
    """Every problem code that a service can answer, by name."""
    return dict(sorted((bare_codes() | read_sources()[0]).items()))


def http_phrase(status: int) -> str:
    """`404 Not Found`."""
    return "499 Client Closed Request" if status == 499 else f"{status} {HTTPStatus(status).phrase}"
