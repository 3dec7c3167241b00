"""What the two ends of a channel are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest

from tseeder_rpc import client, server


def test_a_server_takes_the_pings_that_clients_send() -> None:
    """Else it ends the connection with `too_many_pings`, and calls on it fail."""
    sent: dict[str, Any] = dict(client._OPTIONS)
    taken: dict[str, Any] = dict(server._OPTIONS)
    assert taken["grpc.http2.min_ping_interval_without_data_ms"] < sent["grpc.keepalive_time_ms"]
    assert taken["grpc.keepalive_permit_without_calls"] == sent["grpc.keepalive_permit_without_calls"] == 1


@pytest.mark.parametrize("name", sorted({name for name, _ in (*client._OPTIONS, *server._OPTIONS)}))
def test_gRPC_knows_an_option(name: str) -> None:
    """It passes over what it does not know, without a word."""
    (core,) = Path(grpc.__file__).parent.glob("_cython/cygrpc*.so")
    assert name.encode() in core.read_bytes()
