"""What spans of calls are called and say, by OpenTelemetry's semantic conventions for RPC; both sides alike."""

from functools import cache

from tseeder_kit.tracing import Attributes


def name_of(method: str) -> str:
    """`tseeder.jobs.v1.Jobs/Submit`, from the full name of a method."""
    return method.removeprefix("/")


@cache
def attributes_of(method: str) -> Attributes:
    """Of the methods that there are, so that the cache is bounded."""
    service, _, name = name_of(method).partition("/")
    return {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
