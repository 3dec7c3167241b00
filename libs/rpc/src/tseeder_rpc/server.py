"""The gRPC server of a service."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

import grpc.aio

from tseeder_rpc.identity import Authenticator
from tseeder_rpc.served import CallInterceptor

Servicer: TypeAlias = Callable[[grpc.aio.Server], None]

MAX_MESSAGE_BYTES: Final = 32 * 1024 * 1024
GRACE_SECONDS: Final = 5.0

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),  # a port that is taken is an error, not a second server
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Our clients ping every 20 s; the default takes that for an attack.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


@dataclass(frozen=True, slots=True)
class RpcServer:
    """A server that runs; `port` is the one that it listens on."""

    port: int


@asynccontextmanager
async def serve(
    host: str,
    port: int,
    servicers: Sequence[Servicer],
    *,
    authenticate: Authenticator,
    public_methods: frozenset[str] = frozenset(),
) -> AsyncIterator[RpcServer]:
    """Serves while inside; port 0 takes a free one. On leaving, running calls get 5 s to end.

    Each of `servicers` registers itself: `lambda server: add_JobsServicer_to_server(JobsServicer(...), server)`.
    Every method is authenticated but `public_methods` (full names, `/tseeder.auth.v1.Sessions/LogIn`). Raises OSError
    if the port is taken.
    """
    server = grpc.aio.server(interceptors=(CallInterceptor(authenticate, public_methods),), options=_OPTIONS)
    for register in servicers:
        register(server)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as exc:
        raise OSError(f"cannot listen on {address}") from exc
    await server.start()
    try:
        yield RpcServer(bound)
    finally:
        await server.stop(GRACE_SECONDS)
