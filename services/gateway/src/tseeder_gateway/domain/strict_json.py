"""JSON as RFC 8259 and I-JSON (RFC 7493) have it, and nothing that two readers could read differently."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Final, NoReturn, TypeAlias

from tseeder_kit.errors import AppError, FieldError, invalid

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

MAX_DEPTH: Final = 32

_INT64: Final = 2**63
_MAX_INT_CHARS: Final = 20
# Possessive, and an unfinished string matches, too: nothing is looked at twice, whatever stands there.
_STRUCTURE: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SHOWN_CHARS: Final = 100


def parse(body: bytes) -> Json:
    """The value that `body` holds.

    Raises AppError INVALID: `json_invalid`, `json_not_utf8`, `json_duplicate_key`, `json_number_not_finite`,
    `json_number_too_large`, `json_lone_surrogate`, `json_nul`, `json_too_deep`.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise invalid("json_not_utf8", "The body is not UTF-8.") from None
    _check_depth(text)
    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_not_finite,
            parse_int=_integer,
            parse_float=_float,
        )
    except json.JSONDecodeError as exc:
        raise invalid("json_invalid", f"The body is not JSON: {exc.msg}.", position=exc.pos) from None
    if "\\u" in text:
        # Only an escape can bring these in: UTF-8 has no surrogates, and a raw NUL is no JSON.
        _check_strings(value)
    return value


def _check_depth(text: str) -> None:
    """Before parsing, since the parser's own answer to depth is a RecursionError, or worse."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _STRUCTURE.finditer(text):
        char = match[0]
        if char in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise invalid("json_too_deep", f"JSON nests deeper than {MAX_DEPTH} levels.", max_depth=MAX_DEPTH)
        elif char in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counted = Counter(key for key, _ in pairs)
        name = next(key for key, times in counted.items() if times > 1)
        message = "An object of the body has this key more than once."
        raise invalid("json_duplicate_key", message, fields=(FieldError(_shown(name), "json_duplicate_key", message),))
    return found


def _not_finite(_text: str) -> NoReturn:
    raise _number_not_finite()


def _number_not_finite() -> AppError:
    return invalid("json_number_not_finite", "A number of the body is not finite.")


def _integer(text: str) -> int:
    value = int(text) if len(text) <= _MAX_INT_CHARS else _INT64
    if not -_INT64 <= value < _INT64:
        raise invalid("json_number_too_large", "An integer of the body does not fit 64 bits.")
    return value


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _number_not_finite()
    return value


def _check_strings(value: Json) -> None:
    """Keys and strings, all of them; the depth is known to be small."""
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key)
            _check_strings(item)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)


def check_text(text: str) -> None:
    """Refuses what Postgres or UTF-8 cannot hold: AppError INVALID `json_nul`, `json_lone_surrogate`."""
    if "\0" in text:
        raise invalid("json_nul", "A string of the body holds a NUL character.")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise invalid("json_lone_surrogate", "A string of the body holds half of a surrogate pair.")


def _shown(text: str) -> str:
    return text[:_SHOWN_CHARS].encode(errors="replace").decode()
