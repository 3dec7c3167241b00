"""What travels with a call without being an argument: who calls, whose identity goes on, how much time is left."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar, overload

from tseeder_kit.errors import deadline_exceeded, unauthenticated
from tseeder_rpc.identity import Principal

T = TypeVar("T")

REQUEST_ID: Final = "x-request-id"
AUTHORIZATION: Final = "authorization"

_caller: ContextVar[object | None] = ContextVar("tseeder_caller", default=None)
_identity: ContextVar[str | None] = ContextVar("tseeder_identity", default=None)
_deadline: ContextVar[float | None] = ContextVar("tseeder_deadline", default=None)


@overload
def current_caller() -> object: ...
@overload
def current_caller(kind: type[T]) -> T: ...
def current_caller(kind: type[Any] = object) -> Any:
    """Who calls, as this server's authenticator said: for example `current_caller(AgentCaller)`.

    Raises UNAUTHENTICATED `unauthenticated` where nobody did, or somebody of another kind.
    """
    caller = _caller.get()
    if caller is None or not isinstance(caller, kind):
        raise unauthenticated("unauthenticated", "This call needs another kind of credential.")
    return caller


def current_principal() -> Principal:
    """The user who calls. Raises UNAUTHENTICATED `unauthenticated` if it is none."""
    return current_caller(Principal)


def current_identity() -> str | None:
    """The token that outgoing calls carry."""
    return _identity.get()


@contextmanager
def use_identity(token: str | None) -> Iterator[None]:
    """Calls made inside carry `authorization: Bearer <token>`; none with None.

    A servicer need not do this for its user's token: within a call by a Principal it goes on by itself.
    """
    former = _identity.set(token)
    try:
        yield
    finally:
        _identity.reset(former)


@contextmanager
def detached() -> Iterator[None]:
    """For work that outlives its request: tasks started inside inherit neither identity nor deadline nor caller."""
    identity, deadline, caller = _identity.set(None), _deadline.set(None), _caller.set(None)
    try:
        yield
    finally:
        _identity.reset(identity)
        _deadline.reset(deadline)
        _caller.reset(caller)


def remaining_seconds() -> float | None:
    """How much time the caller of this request has left for us; None without a limit."""
    deadline = _deadline.get()
    return None if deadline is None else deadline - asyncio.get_running_loop().time()


def call_seconds(wanted: float | None) -> float | None:
    """The deadline for an outgoing call: what is wanted, but no more than is left. Raises DEADLINE if nothing is."""
    left = remaining_seconds()
    if left is None:
        return wanted
    if left <= 0:
        raise deadline_exceeded("deadline_exceeded", "The time that the caller gave is over.")
    return left if wanted is None else min(wanted, left)


def begin_call(*, seconds: float | None) -> None:
    """For the server's interceptor: a new request in its own task, so nothing is ever restored."""
    _caller.set(None)
    _identity.set(None)
    _deadline.set(None if seconds is None else asyncio.get_running_loop().time() + seconds)


def admit(caller: object, identity: str | None) -> None:
    """For the server's interceptor: who it is, and the token that goes on with calls made for them."""
    _caller.set(caller)
    _identity.set(identity)
