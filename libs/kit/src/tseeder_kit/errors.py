"""The one error type, and the one table that says what each kind of error is on gRPC and on HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Kind(StrEnum):
    """What went wrong, as far as a caller has to tell cases apart."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    PRECONDITION = "precondition"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    RANGE = "range"
    UNPROCESSABLE = "unprocessable"
    EXHAUSTED = "exhausted"
    CANCELLED = "cancelled"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class KindRow:
    """How one kind travels: its gRPC status by name, its HTTP status, and whether the same call may succeed later."""

    grpc_status: str
    http_status: int
    retryable: bool


KINDS: Final[Mapping[Kind, KindRow]] = MappingProxyType(
    {
        Kind.INVALID: KindRow("INVALID_ARGUMENT", 400, retryable=False),
        Kind.UNAUTHENTICATED: KindRow("UNAUTHENTICATED", 401, retryable=False),
        Kind.FORBIDDEN: KindRow("PERMISSION_DENIED", 403, retryable=False),
        Kind.NOT_FOUND: KindRow("NOT_FOUND", 404, retryable=False),
        Kind.CONFLICT: KindRow("ABORTED", 409, retryable=False),
        Kind.PRECONDITION: KindRow("FAILED_PRECONDITION", 412, retryable=False),
        Kind.TOO_LARGE: KindRow("INVALID_ARGUMENT", 413, retryable=False),
        Kind.UNSUPPORTED: KindRow("INVALID_ARGUMENT", 415, retryable=False),
        Kind.RANGE: KindRow("OUT_OF_RANGE", 416, retryable=False),
        Kind.UNPROCESSABLE: KindRow("INVALID_ARGUMENT", 422, retryable=False),
        Kind.EXHAUSTED: KindRow("RESOURCE_EXHAUSTED", 429, retryable=True),
        Kind.CANCELLED: KindRow("CANCELLED", 499, retryable=False),
        Kind.INTERNAL: KindRow("INTERNAL", 500, retryable=False),
        Kind.UNAVAILABLE: KindRow("UNAVAILABLE", 503, retryable=True),
        Kind.DEADLINE: KindRow("DEADLINE_EXCEEDED", 504, retryable=True),
    }
)

INTERNAL_MESSAGE: Final = "Something went wrong inside tseeder."


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field of a request that is wrong: its path in the request, a stable code, a sentence for people."""

    field: str
    code: str
    message: str


class AppError(Exception):
    """An error that callers are meant to see.

    `code` is stable and machine-readable (`snake_case`), `message` is one sentence for people, `details` are further
    facts by name. None of them may hold a secret. An INTERNAL error drops what it is given and keeps only its code:
    what went wrong inside belongs into the log, with the cause chained by `raise ... from`.
    """

    def __init__(
        self,
        kind: Kind,
        code: str,
        message: str,
        details: Mapping[str, str] | None = None,
        fields: Sequence[FieldError] = (),
    ) -> None:
        hidden = kind is Kind.INTERNAL
        self.kind: Final = kind
        self.code: Final = code
        self.message: Final = INTERNAL_MESSAGE if hidden else message
        self.details: Final[Mapping[str, str]] = {} if hidden else dict(details or {})
        self.fields: Final[tuple[FieldError, ...]] = () if hidden else tuple(fields)
        super().__init__(f"{code}: {self.message}")

    @property
    def row(self) -> KindRow:
        """How this error travels."""
        return KINDS[self.kind]

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later."""
        return self.row.retryable


def kind_of_grpc_status(name: str) -> Kind:
    """The kind for a gRPC status that came without details: the first row with that status, else INTERNAL."""
    return next((kind for kind, row in KINDS.items() if row.grpc_status == name), Kind.INTERNAL)


def _error(
    kind: Kind, code: str, message: str, fields: Sequence[FieldError], details: Mapping[str, object]
) -> AppError:
    return AppError(kind, code, message, {name: str(value) for name, value in details.items()}, fields)


def invalid(code: str, message: str, /, *, fields: Sequence[FieldError] = (), **details: object) -> AppError:
    """400: the request itself is wrong."""
    return _error(Kind.INVALID, code, message, fields, details)


def unauthenticated(code: str, message: str, /, **details: object) -> AppError:
    """401: nobody, or nobody we know, is calling."""
    return _error(Kind.UNAUTHENTICATED, code, message, (), details)


def forbidden(code: str, message: str, /, **details: object) -> AppError:
    """403: the caller is known and may not."""
    return _error(Kind.FORBIDDEN, code, message, (), details)


def not_found(code: str, message: str, /, **details: object) -> AppError:
    """404: no such thing, or not the caller's."""
    return _error(Kind.NOT_FOUND, code, message, (), details)


def conflict(code: str, message: str, /, **details: object) -> AppError:
    """409: the present state does not allow it."""
    return _error(Kind.CONFLICT, code, message, (), details)


def precondition(code: str, message: str, /, **details: object) -> AppError:
    """412: a condition that the caller named (an epoch, a version) does not hold."""
    return _error(Kind.PRECONDITION, code, message, (), details)


def too_large(code: str, message: str, /, **details: object) -> AppError:
    """413: more bytes than are taken."""
    return _error(Kind.TOO_LARGE, code, message, (), details)


def unsupported(code: str, message: str, /, **details: object) -> AppError:
    """415: a form of content that is not understood."""
    return _error(Kind.UNSUPPORTED, code, message, (), details)


def out_of_range(code: str, message: str, /, **details: object) -> AppError:
    """416: a position that is not there (any more)."""
    return _error(Kind.RANGE, code, message, (), details)


def unprocessable(code: str, message: str, /, *, fields: Sequence[FieldError] = (), **details: object) -> AppError:
    """422: well formed, and still not acceptable."""
    return _error(Kind.UNPROCESSABLE, code, message, fields, details)


def exhausted(code: str, message: str, /, **details: object) -> AppError:
    """429: a limit or a quota is reached."""
    return _error(Kind.EXHAUSTED, code, message, (), details)


def cancelled(code: str, message: str, /, **details: object) -> AppError:
    """499: the caller went away."""
    return _error(Kind.CANCELLED, code, message, (), details)


def internal(code: str = "internal", /) -> AppError:
    """500: our fault. It takes no text on purpose; chain the cause with `raise internal() from exc`."""
    return AppError(Kind.INTERNAL, code, INTERNAL_MESSAGE)


def unavailable(code: str, message: str, /, **details: object) -> AppError:
    """503: something that is needed is away; the same call may succeed later."""
    return _error(Kind.UNAVAILABLE, code, message, (), details)


def deadline_exceeded(code: str, message: str, /, **details: object) -> AppError:
    """504: the time that the caller gave is over."""
    return _error(Kind.DEADLINE, code, message, (), details)
