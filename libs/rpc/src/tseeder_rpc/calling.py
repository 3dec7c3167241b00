"""What every call that we make goes through: identity, request id, trace, deadline, errors, metrics."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import grpc
import grpc.aio

from tseeder_kit.errors import AppError
from tseeder_kit.ids import uuid7
from tseeder_kit.logging import current_request_id
from tseeder_kit.telemetry import histogram
from tseeder_kit.trace_context import TRACEPARENT, current_traceparent, working_for
from tseeder_kit.tracing import Role, Span, span, start
from tseeder_rpc.context import AUTHORIZATION, REQUEST_ID, call_seconds
from tseeder_rpc.span_names import attributes_of, name_of
from tseeder_rpc.wire_errors import from_rpc_error, service_unavailable

R = TypeVar("R")

_seconds = histogram("rpc_client_seconds", "Calls made", ("method", "outcome"))


@dataclass(frozen=True, slots=True)
class CallRules:
    """What a Caller fixes for all its calls: whom it calls, seconds by default, where the credential comes from."""

    service: str
    deadline: float
    credential: Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class _Method:
    """One method of a stub; called with a request, or an iterator of them."""

    inner: Any
    name: str
    rules: CallRules

    def _start(self, request: Any, timeout: float | None, metadata: Any) -> Any:
        headers: list[tuple[str, str | bytes]] = [*(metadata or ())]
        headers.append((REQUEST_ID, current_request_id() or uuid7().hex))
        traceparent = current_traceparent()
        if traceparent is not None:
            headers.append((TRACEPARENT, traceparent))
        token = self.rules.credential()
        if token is not None:
            headers.append((AUTHORIZATION, f"Bearer {token}"))
        return self.inner(request, timeout=call_seconds(timeout), metadata=tuple(headers))


class OneAnswer(_Method):
    """A method that answers once; without `timeout` it has the Caller's deadline."""

    async def __call__(self, request: Any, *, timeout: float | None = None, metadata: Any = None) -> Any:
        """The answer; raises AppError."""
        requests = _Requests(request) if isinstance(request, AsyncIterable) else None
        called = span(name_of(self.name), role=Role.CLIENT, attributes=attributes_of(self.name))
        with _measured(self.name), called, _translated(self.rules.service, requests):
            seconds = self.rules.deadline if timeout is None else timeout
            return await self._start(requests or request, seconds, metadata)


class ManyAnswers(_Method):
    """A method that streams its answers; without `timeout` only the deadline of the call being served limits it."""

    def __call__(self, request: Any, *, timeout: float | None = None, metadata: Any = None) -> "ResponseStream[Any]":
        """The answers; iterating over them raises AppError."""
        requests = _Requests(request) if isinstance(request, AsyncIterable) else None
        called = start(name_of(self.name), role=Role.CLIENT, attributes=attributes_of(self.name))
        try:
            with _translated(self.rules.service, None), working_for(called.context):
                call = self._start(requests or request, timeout, metadata)
        except BaseException as exc:
            called.end(exc)
            raise
        return ResponseStream(call, self.name, self.rules.service, requests, called)


class ResponseStream(AsyncIterator[R], Generic[R]):
    """The answers of one call, for `async for`. To leave early: `cancel()`, or `async with aclosing(stream)`."""

    def __init__(
        self, call: Any, method: str, service: str, requests: "_Requests | None", called: Span | None = None
    ) -> None:
        self._call = call
        self._span = called or Span(None)
        self._answers = aiter(call)
        self._method = method
        self._service = service
        self._requests = requests
        self._began: float | None = time.perf_counter()

    async def __anext__(self) -> R:
        outcome = "cancelled"
        try:
            with _translated(self._service, self._requests):
                answer: R = await anext(self._answers)
        except StopAsyncIteration:
            outcome = "ok"
            raise
        except AppError as exc:
            outcome = exc.kind.value
            self._span.fail(exc.code)
            raise
        else:
            outcome = ""
            return answer
        finally:
            if outcome:
                self._ended(outcome)

    def cancel(self) -> None:
        """Ends the call."""
        self._call.cancel()
        self._ended("cancelled")

    async def aclose(self) -> None:
        """Ends the call."""
        self.cancel()

    def __del__(self) -> None:
        # A loop that was left with `break`: gRPC itself would let the call run on.
        if self._began is not None:
            self._call.cancel()

    def _ended(self, outcome: str) -> None:
        if self._began is not None:
            _seconds.labels(self._method, outcome).observe(time.perf_counter() - self._began)
            self._began = None
            self._span.end()


class _Requests:
    """Remembers what the request iterator raised: gRPC only cancels the call for it."""

    def __init__(self, requests: AsyncIterable[Any]) -> None:
        self._requests = requests
        self.error: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for request in self._requests:
                yield request
        except Exception as exc:
            self.error = exc
            raise


@contextmanager
def _translated(service: str, requests: _Requests | None) -> Iterator[None]:
    """Raises what the request iterator raised, or the AppError for what gRPC says."""
    try:
        yield
    except grpc.aio.AioRpcError as exc:
        raise _own_error(requests) or from_rpc_error(exc, service) from exc
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Not we were cancelled but the call: its request iterator failed, or its channel was closed.
        raise _own_error(requests) or service_unavailable(service) from exc
    except grpc.aio.UsageError as exc:
        raise service_unavailable(service) from exc  # the channel is closed


def _own_error(requests: _Requests | None) -> Exception | None:
    return None if requests is None else requests.error


@contextmanager
def _measured(method: str) -> Iterator[None]:
    began = time.perf_counter()
    outcome = "cancelled"
    try:
        yield
        outcome = "ok"
    except AppError as exc:
        outcome = exc.kind.value
        raise
    finally:
        _seconds.labels(method, outcome).observe(time.perf_counter() - began)
