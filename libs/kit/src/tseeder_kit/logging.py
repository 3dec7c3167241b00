"""JSON lines on stderr, for our own loggers and for every library's, through one handler."""

import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Final, TypeAlias, cast

import structlog

from tseeder_kit.trace_context import current_trace

Logger: TypeAlias = structlog.stdlib.BoundLogger
_Event: TypeAlias = MutableMapping[str, Any]

_request_id: ContextVar[str | None] = ContextVar("tseeder_request_id", default=None)
_log_fields: ContextVar[Mapping[str, str] | None] = ContextVar("tseeder_log_fields", default=None)

# These say at INFO what our own lines say better, or what nobody wants to read.
_QUIET: Final = ("asyncio", "aiohttp", "botocore", "boto3", "aiobotocore", "urllib3", "httpx", "httpcore", "nats")
# Says at ERROR, each time, that a receiver of spans is away; tseeder_kit.span_outbox says it once.
_SILENT: Final = ("opentelemetry",)


class RequestBinding(AbstractContextManager[str]):
    """What `bind_request` gives back; used with `with`, it restores the former id at the end."""

    def __init__(self, request_id: str) -> None:
        self._id = request_id
        self._token: Token[str | None] = _request_id.set(request_id)

    def __enter__(self) -> str:
        return self._id

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _request_id.reset(self._token)


def bind_request(request_id: str) -> RequestBinding:
    """Makes `request_id` the current one, at once, for this task and those that it starts."""
    return RequestBinding(request_id)


def current_request_id() -> str | None:
    """The id of the request that this task works for."""
    return _request_id.get()


@contextmanager
def log_fields(**fields: object) -> Iterator[None]:
    """Adds fields (a job id, a transfer and its epoch) to every line that is logged inside."""
    token = _log_fields.set({**(_log_fields.get() or {}), **{name: str(value) for name, value in fields.items()}})
    try:
        yield
    finally:
        _log_fields.reset(token)


def _add_context(_logger: object, _method: str, event: _Event) -> _Event:
    request_id = _request_id.get()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    trace = current_trace()
    if trace is not None:
        event.setdefault("trace_id", trace.trace_id)
        event.setdefault("span_id", trace.span_id)
    for name, value in (_log_fields.get() or {}).items():
        event.setdefault(name, value)
    return event


def _ordered(service: str) -> structlog.types.Processor:
    def order(_logger: object, _method: str, event: _Event) -> _Event:
        head = {
            "ts": event.pop("ts", None),
            "level": event.pop("level", None),
            "service": service,
            "event": event.pop("event", None),
        }
        return {**head, **event}

    return order


_SHARED: Final[tuple[structlog.types.Processor, ...]] = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    _add_context,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
)


def get_logger(name: str) -> Logger:
    """A logger with fields: `log.info("transfer_claimed", transfer_id=...)`. Events are snake_case, past tense.

    It goes through the standard library, so that a program that did not call `configure` (a test, a notebook) still
    decides by itself what to do with the lines.
    """
    return cast(
        "Logger",
        structlog.wrap_logger(
            logging.getLogger(name),
            processors=[
                structlog.stdlib.filter_by_level,
                *_SHARED,
                structlog.stdlib.PositionalArgumentsFormatter(),
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=True,
        ),
    )


def _without_row_values(_logger: object, _method: str, event: _Event) -> _Event:
    """Postgres says in its DETAIL what stands in the row that it complains of: an e-mail address, a name."""
    _cut_details(event.get("exception"))
    return event


def _cut_details(raised: object) -> None:
    """In structlog's list of an exception and its causes; one that is a group has such lists of its own."""
    for each in raised if isinstance(raised, list) else ():
        if isinstance(each, list):
            _cut_details(each)
        elif isinstance(each, dict):
            each["exc_value"] = str(each.get("exc_value", "")).partition("\nDETAIL:")[0]
            _cut_details(each.get("exceptions"))


def formatter(service: str) -> logging.Formatter:
    """Turns any record into one JSON line; exceptions become structured frames, without local variables."""
    frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(frames),
            _without_row_values,
            structlog.processors.UnicodeDecoder(),
            _ordered(service),
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )


def configure(service: str, level: str = "info") -> None:
    """Sends every log line of this process to stderr as JSON. Called once, by `lifecycle.main`.

    Keys: ts, level, service, event, logger, and where they apply request_id, trace_id, span_id and what `log_fields`
    added.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)
