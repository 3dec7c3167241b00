"""What all bodies share, and how values of the services' messages become JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, Protocol, TypeVar

from google.protobuf.message import Message
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

T = TypeVar("T")

UNKNOWN: Final = "unknown"
NO_NUL: Final = r"^[^\x00]*$"

MAX_KEYS: Final = 100
MAX_VALUES: Final = 16
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DIGITS: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


CURSOR_PATTERN: Final = "^[A-Za-z0-9_-]*$"
MAX_CURSOR_CHARS: Final = 4096


def _say_no_nul(schema: dict[str, Any]) -> None:
    """Whatever a body is for, `strict_json` takes no NUL in its strings: so their description says."""
    for field in schema.get("properties", {}).values():
        for variant in (field, *field.get("anyOf", ())):
            if variant.get("type") == "string" and not variant.keys() & {"pattern", "enum", "const", "format"}:
                variant["pattern"] = NO_NUL


class RequestBody(BaseModel):
    """A body that a client sends: no conversions between types, no unknown keys (so no mass assignment)."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, json_schema_extra=_say_no_nul
    )

    @model_validator(mode="before")
    @classmethod
    def _has_few_keys(cls, value: object) -> object:
        """One error instead of one for each of them: a MiB of keys would hold everybody up."""
        if isinstance(value, dict) and len(value) > MAX_KEYS:
            raise ValueError(f"has more than {MAX_KEYS} keys")
        return value


class Query(BaseModel):
    """A query string: text by nature, and no unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class View(BaseModel):
    """A body that the gateway sends: nothing else, and nothing less."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Count = Annotated[int, Field(json_schema_extra={"minimum": 0})]
Cursor = Annotated[str, Field(json_schema_extra={"pattern": CURSOR_PATTERN, "maxLength": MAX_CURSOR_CHARS})]


class Page(View, Generic[T]):
    """One page of a list; `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: Cursor | None = None


class _Enum(Protocol):
    def items(self) -> Iterable[tuple[str, Any]]: ...


def enum_names(enum: _Enum, prefix: str) -> dict[int, str]:
    """1 -> `queued` for `JOB_STATE_QUEUED = 1`, without the unspecified."""
    return {number: name.removeprefix(prefix).lower() for name, number in enum.items() if number}


def one_of(names: dict[int, str]) -> Any:
    """A field that holds one of these names. A newer service may know more of them, and is not cut off for it."""
    return described(enum=[*names.values(), UNKNOWN])


def described(text: str | None = None, /, **facts: Any) -> Any:
    """A field that is documented so, and not checked so: what it says holds where the value comes from."""
    return Field(description=text, json_schema_extra=facts)


def timestamp(message: Message, field: str) -> datetime | None:
    """A timestamp of a message, UTC; None where it is absent."""
    if not message.HasField(field):
        return None
    value: datetime = getattr(message, field).ToDatetime(tzinfo=UTC)
    return value


def present_timestamp(message: Message, field: str) -> datetime:
    """A timestamp that is never absent."""
    value: datetime = getattr(message, field).ToDatetime(tzinfo=UTC)
    return value


def empty_is_absent(value: object) -> object:
    """For a parameter that is given without a value."""
    return None if value == "" else value


def canonical_uuid(value: object) -> object:
    """As the schema's format says: `UUID` takes braces, URNs and fewer hyphens, too."""
    if isinstance(value, str) and not _UUID.fullmatch(value):
        raise ValueError("should be a UUID")
    return value


def listed(value: object) -> object:
    """For a parameter that may be given several times: without empty values; but many of them are refused, too."""
    if isinstance(value, list) and len(value) <= MAX_VALUES:
        return [item for item in value if item != ""]
    return value


def _whole_number(value: object) -> object:
    """Digits only: no blanks, signs, underscores or fractions, which `int` would take."""
    if isinstance(value, str) and value and not _DIGITS.fullmatch(value):
        raise ValueError("should be a whole number")
    return empty_is_absent(value)


def _no_nul(value: str | None) -> str | None:
    if value is not None and "\0" in value:
        raise ValueError("NUL characters are not taken")
    return value


def _rfc3339(value: object) -> object:
    if value is None:
        return None
    wanted = "should be an RFC 3339 time with its offset, such as 2027-01-31T12:00:00Z"
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError(wanted)
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(wanted) from None


Instant = Annotated[datetime, BeforeValidator(_rfc3339, json_schema_input_type=str)]
OptionalText = Annotated[
    str | None,
    BeforeValidator(empty_is_absent),
    AfterValidator(_no_nul),
    Field(json_schema_extra={"pattern": NO_NUL}),
]
OptionalCursor = Annotated[
    Annotated[str, Field(max_length=MAX_CURSOR_CHARS, pattern=CURSOR_PATTERN)] | None,
    BeforeValidator(empty_is_absent),
    Field(description="`next_cursor` of the page before; of the same list only"),
]
OptionalInt = Annotated[int | None, BeforeValidator(_whole_number)]
