"""Channels to other services, and what makes a generated stub speak our way."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import grpc
import grpc.aio

from tseeder_rpc.calling import CallRules, ManyAnswers, OneAnswer
from tseeder_rpc.context import current_identity
from tseeder_rpc.server import MAX_MESSAGE_BYTES

Channel: TypeAlias = grpc.aio.Channel

DEADLINE_SECONDS: Final = 10.0

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.min_reconnect_backoff_ms", 2_000),  # how long one attempt to connect may take
    ("grpc.lb_policy_name", "round_robin"),  # over the replicas behind a headless Service
    ("grpc.dns_min_time_between_resolutions_ms", 5_000),
    ("grpc.enable_http_proxy", 0),  # a proxy in the environment is for the world, not for our services
    ("grpc.use_local_subchannel_pool", 1),
)


@asynccontextmanager
async def open_channel(target: str) -> AsyncIterator[Channel]:
    """A channel to `host:port`, at once, whether anybody is there or not; it reconnects by itself within a second.

    Calls do not wait for a service that is away: they fail with UNAVAILABLE `service_unavailable`.
    """
    channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
    try:
        yield channel
    finally:
        await channel.close(None)


class Caller:
    """Makes stubs speak our way: `JobsStub(Caller(channel, service="jobs").channel)`.

    Calls carry the current request id and `credential()` as bearer token (by default what `use_identity` set, within
    a served call its user's), have `deadline` seconds unless `timeout=` says otherwise and never more than the call
    that is being served has left, and raise AppError: the one that the other side raised, `service_unavailable`, or
    `deadline_exceeded`. `service` names the other side in errors.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        service: str,
        deadline: float = DEADLINE_SECONDS,
        credential: Callable[[], str | None] = current_identity,
    ) -> None:
        self.channel: Final[Channel] = _CallerChannel(channel, CallRules(service, deadline, credential))


class _CallerChannel(grpc.aio.Channel):
    """A channel whose methods are ours. (gRPC's own client interceptors cost a task a call, and hide our errors.)"""

    def __init__(self, inner: Channel, rules: CallRules) -> None:
        self._inner = inner
        self._rules = rules

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return OneAnswer(self._inner.unary_unary(method, *args, **kwargs), method, self._rules)

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return OneAnswer(self._inner.stream_unary(method, *args, **kwargs), method, self._rules)

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return ManyAnswers(self._inner.unary_stream(method, *args, **kwargs), method, self._rules)

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return ManyAnswers(self._inner.stream_stream(method, *args, **kwargs), method, self._rules)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(None)

    async def close(self, grace: float | None = None) -> None:
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._inner.channel_ready()
