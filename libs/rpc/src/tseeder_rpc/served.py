"""What every served call goes through: request id, trace, deadline, authentication, errors, metrics."""

import asyncio
import inspect
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio

from tseeder_kit.errors import AppError, Kind, internal, unauthenticated
from tseeder_kit.ids import uuid7
from tseeder_kit.logging import bind_request, current_request_id, get_logger
from tseeder_kit.telemetry import gauge, histogram
from tseeder_kit.trace_context import TRACEPARENT, enter_trace, parse_traceparent
from tseeder_kit.tracing import Role, Span, start
from tseeder_rpc.context import REQUEST_ID, admit, begin_call
from tseeder_rpc.identity import Authenticator, Principal, bearer
from tseeder_rpc.span_names import attributes_of, name_of
from tseeder_rpc.wire_errors import METADATA_KEY, status_of, to_wire

_Behaviour: TypeAlias = Callable[..., Any]
_Details: TypeAlias = grpc.HandlerCallDetails
_Handler: TypeAlias = Any  # the stubs make it generic in the messages, which are nobody's business here

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,128}")  # what the gateway takes of its clients

# By the semantic conventions the other statuses are the caller's, and no errors of a server's span.
_FAULTS: Final = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})

_seconds = histogram("rpc_server_seconds", "Served calls", ("method", "status"))
_in_flight = gauge("rpc_server_in_flight", "Calls that are being served")
_log = get_logger(__name__)


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """Wraps all four forms of methods. Each call has a task of its own, so context variables are set, never reset."""

    def __init__(self, authenticate: Authenticator, public_methods: frozenset[str]) -> None:
        self._authenticate = authenticate
        self._public_methods = public_methods

    async def intercept_service(
        self, continuation: Callable[[_Details], Awaitable[_Handler]], handler_call_details: _Details
    ) -> _Handler:
        """Gives the method's handler, wrapped; None if there is no such method."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        return self._wrapped(handler, str(handler_call_details.method))

    def _wrapped(self, handler: _Handler, method: str) -> _Handler:
        codecs = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.response_streaming:
            behaviour = handler.stream_stream if handler.request_streaming else handler.unary_stream
            make = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler
            )
            many = self._many if inspect.isasyncgenfunction(behaviour) else self._one
            return make(many(behaviour, method), **codecs)
        behaviour = handler.stream_unary if handler.request_streaming else handler.unary_unary
        make = (
            grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
        )
        return make(self._one(behaviour, method), **codecs)

    def _one(self, behaviour: _Behaviour, method: str) -> _Behaviour:
        """A method that answers once (or writes its answers to the context by itself)."""

        async def handle(request: Any, context: Any) -> Any:
            async with self._call(method, context):
                return await behaviour(request, context)

        return handle

    def _many(self, behaviour: _Behaviour, method: str) -> _Behaviour:
        """A method that yields its answers."""

        async def handle(request: Any, context: Any) -> AsyncIterator[Any]:
            async with self._call(method, context), aclosing(behaviour(request, context)) as responses:
                async for response in responses:
                    yield response

        return handle

    @asynccontextmanager
    async def _call(self, method: str, context: Any) -> AsyncIterator[None]:
        began = time.perf_counter()
        status = "OK"
        metadata = _text_metadata(context)
        served = _enter(method, metadata)
        try:
            with _in_flight.track_inprogress():
                await self._begin(method, context, metadata)
                yield
        except (asyncio.CancelledError, GeneratorExit):
            status = "CANCELLED"
            raise
        except grpc.aio.AbortError:
            status = "ABORTED_BY_SERVICER"
            raise
        except AppError as exc:
            status = exc.row.grpc_status
            served.fail(exc.code, fault=status in _FAULTS)
            await _abort(context, exc, method)
        except Exception as exc:  # noqa: BLE001 - what nobody foresaw must not leak; the log has all of it
            status = "INTERNAL"
            error = internal()
            error.__cause__ = exc
            served.fail(type(exc).__name__)
            await _abort(context, error, method)
        finally:
            _seconds.labels(method, status).observe(time.perf_counter() - began)
            if served.recorded and status in grpc.StatusCode.__members__:
                served.set({"rpc.grpc.status_code": grpc.StatusCode[status].value[0]})
            served.end()

    async def _begin(self, method: str, context: Any, metadata: Mapping[str, str]) -> None:
        wanted = metadata.get(REQUEST_ID, "")
        bind_request(wanted if _REQUEST_ID.fullmatch(wanted) else uuid7().hex)
        begin_call(seconds=context.time_remaining())
        if method in self._public_methods:
            return
        caller = await self._authenticate(method, metadata)
        if caller is None:
            raise unauthenticated("unauthenticated", "This call needs a credential.")
        # A user's token goes on with the calls that are made for them; another credential is nobody else's business.
        admit(caller, bearer(metadata) if isinstance(caller, Principal) else None)


def _enter(method: str, metadata: Mapping[str, str]) -> Span:
    """The span of this call, below its caller's, if that is recorded; the task works for it from now on."""
    caller = parse_traceparent(metadata.get(TRACEPARENT))
    if caller is None:
        enter_trace(None)
        return Span(None)
    served = start(name_of(method), role=Role.SERVER, parent=caller, attributes=attributes_of(method))
    enter_trace(served.context)
    return served


def _text_metadata(context: Any) -> Mapping[str, str]:
    """The call's metadata; of several with one name, the first."""
    texts: dict[str, str] = {}
    for key, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            texts.setdefault(key, value)
    return texts


async def _abort(context: Any, error: AppError, method: str) -> None:
    request_id = current_request_id()
    if error.kind is Kind.INTERNAL:
        _log.error("call_failed", method=method, code=error.code, exc_info=error)
    else:
        cause = type(error.__cause__).__name__ if error.__cause__ else None
        _log.info("call_refused", method=method, kind=error.kind.value, code=error.code, cause=cause)
    await context.abort(status_of(error), error.message, ((METADATA_KEY, to_wire(error, request_id)),))
