"""gRPC between the services: server, client, errors, identity."""

from tseeder_rpc.calling import ResponseStream
from tseeder_rpc.client import Caller, Channel, open_channel
from tseeder_rpc.context import (
    current_caller,
    current_identity,
    current_principal,
    detached,
    remaining_seconds,
    use_identity,
)
from tseeder_rpc.identity import (
    Authenticator,
    Principal,
    PublicKeys,
    Verifier,
    bearer,
    key_id,
    load_public_keys,
    user_authenticator,
)
from tseeder_rpc.read_tokens import READ_PATH, sign_read, verify_read
from tseeder_rpc.server import RpcServer, Servicer, serve
from tseeder_rpc.watched_file import WatchedFile

__all__ = [
    "READ_PATH",
    "Authenticator",
    "Caller",
    "Channel",
    "Principal",
    "PublicKeys",
    "ResponseStream",
    "RpcServer",
    "Servicer",
    "Verifier",
    "WatchedFile",
    "bearer",
    "current_caller",
    "current_identity",
    "current_principal",
    "detached",
    "key_id",
    "load_public_keys",
    "open_channel",
    "remaining_seconds",
    "serve",
    "sign_read",
    "use_identity",
    "user_authenticator",
    "verify_read",
]
