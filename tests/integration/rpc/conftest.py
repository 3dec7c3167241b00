"""A service of all four forms of methods, which does what a request asks for, and callers to it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import grpc
import grpc.aio
import pytest

from tseeder.common.v1.error_pb2 import FieldError as Note
from tseeder_kit.errors import FieldError, internal, invalid
from tseeder_kit.logging import current_request_id
from tseeder_rpc import (
    Caller,
    Principal,
    bearer,
    current_caller,
    current_identity,
    current_principal,
    open_channel,
    remaining_seconds,
    serve,
)

ALICE = Principal(UUID(int=1), "user", frozenset({"jobs:read"}), "s-1")
USER = "alice"
PUBLIC = frozenset({"/test.Toy/Open"})


@dataclass(frozen=True)
class AgentCaller:
    agent_id: str


async def authenticate(method: str, metadata: Mapping[str, str]) -> object | None:
    """`alice` is a user; on the agents' method `agent-1` is an agent."""
    token = bearer(metadata)
    if method == "/test.Toy/AgentsOnly":
        return AgentCaller(token) if token and token.startswith("agent-") else None
    return ALICE if token == USER else None


class Toy:
    """`field` of a request is what it asks for, `code` its argument; answers say `field=code`."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.left = asyncio.Event()

    async def one(self, request: Note, context: Any) -> Note:
        return await self._do(request)

    async def many(self, request: Note, context: Any) -> AsyncIterator[Note]:
        try:
            for n in range(3):
                yield Note(field="n", code=str(n))
            yield await self._do(request)
        finally:
            self.left.set()

    async def sum(self, requests: AsyncIterator[Note], context: Any) -> Note:
        total = 0
        async for request in requests:
            if request.field == "add":
                total += int(request.code)
            else:
                await self._do(request)
        return Note(field="sum", code=str(total))

    async def chat(self, requests: AsyncIterator[Note], context: Any) -> AsyncIterator[Note]:
        async for request in requests:
            yield await self._do(request)

    async def write(self, request: Note, context: Any) -> None:
        """The other way to stream: writing to the context."""
        await context.write(Note(field="n", code="0"))
        await context.write(await self._do(request))

    async def agents_only(self, request: Note, context: Any) -> Note:
        return Note(field="agent", code=current_caller(AgentCaller).agent_id)

    async def open(self, request: Note, context: Any) -> Note:
        return await self._do(request)

    async def _do(self, request: Note) -> Note:
        match request.field:
            case "refuse":
                fields = (FieldError("a[3]", "too_long", "Too long."),)
                raise invalid("request_invalid", "Not so.", fields=fields, limit=5)
            case "fail":
                raise ValueError(f"{request.code} in the text of a defect")
            case "internal":
                raise internal() from ValueError(request.code)
            case "hang":
                self.entered.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    self.left.set()
            case "wait":
                self.entered.set()
                await self.left.wait()
            case "who":
                return Note(field="who", code=str(current_principal().user_id))
            case "request_id":
                return Note(field="request_id", code=current_request_id() or "")
            case "identity":
                return Note(field="identity", code=current_identity() or "")
            case "remaining":
                return Note(field="remaining", code=str(remaining_seconds()))
            case "size":
                return Note(field="size", message="x" * int(request.code))
        return request


def register(toy: Toy, server: grpc.aio.Server) -> None:
    codec: dict[str, Any] = {"request_deserializer": Note.FromString, "response_serializer": Note.SerializeToString}
    one, many = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    handlers: dict[str, Any] = {
        "One": one(toy.one, **codec),
        "Many": many(toy.many, **codec),
        "Sum": grpc.stream_unary_rpc_method_handler(toy.sum, **codec),
        "Chat": grpc.stream_stream_rpc_method_handler(toy.chat, **codec),
        "Write": many(toy.write, **codec),
        "AgentsOnly": one(toy.agents_only, **codec),
        "Open": one(toy.open, **codec),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Toy", handlers),))


class Stub:
    """What protoc would generate."""

    def __init__(self, channel: Any) -> None:
        codec = {"request_serializer": Note.SerializeToString, "response_deserializer": Note.FromString}
        self.one = channel.unary_unary("/test.Toy/One", **codec, _registered_method=True)
        self.many = channel.unary_stream("/test.Toy/Many", **codec, _registered_method=True)
        self.sum = channel.stream_unary("/test.Toy/Sum", **codec, _registered_method=True)
        self.chat = channel.stream_stream("/test.Toy/Chat", **codec, _registered_method=True)
        self.write = channel.unary_stream("/test.Toy/Write", **codec, _registered_method=True)
        self.agents_only = channel.unary_unary("/test.Toy/AgentsOnly", **codec, _registered_method=True)
        self.open = channel.unary_unary("/test.Toy/Open", **codec, _registered_method=True)
        self.missing = channel.unary_unary("/test.Toy/Missing", **codec, _registered_method=True)


@dataclass
class Served:
    toy: Toy = field(default_factory=Toy)
    port: int = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Served"]:
        """Serves, on the same port the next time."""
        async with serve(
            "127.0.0.1",
            self.port,
            [lambda server: register(self.toy, server)],
            authenticate=authenticate,
            public_methods=PUBLIC,
        ) as server:
            self.port = server.port
            yield self

    @asynccontextmanager
    async def stub(self, token: str | None = USER, deadline: float = 10.0) -> AsyncIterator[Stub]:
        async with open_channel(f"127.0.0.1:{self.port}") as channel:
            yield Stub(Caller(channel, service="toy", deadline=deadline, credential=lambda: token).channel)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with Served().running() as served:
        yield served


@pytest.fixture
async def stub(served: Served) -> AsyncIterator[Stub]:
    async with served.stub() as stub:
        yield stub
