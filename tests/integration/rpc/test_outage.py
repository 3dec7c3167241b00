"""A service that is away, stops, comes back, or dies in the middle of a call."""

import asyncio
from typing import Any

import pytest

from tseeder.common.v1.error_pb2 import FieldError as Note
from tseeder_kit.errors import AppError, Kind
from tseeder_rpc import Caller, open_channel


async def code_of(stub: Any, note: Note) -> str | None:
    try:
        await stub.one(note)
    except AppError as exc:
        return exc.code
    return None


async def until_answers(stub: Any) -> None:
    async with asyncio.timeout(15):
        while (code := await code_of(stub, Note(code="x"))) is not None:
            assert code == "service_unavailable"
            await asyncio.sleep(0.02)


@pytest.fixture
async def stopped(served: Any) -> Any:
    """A server that ran once, so that it has a port, and does not run."""
    other = type(served)()
    async with other.running():
        pass
    return other


async def test_a_service_that_is_away_is_unavailable_at_once_and_found_when_it_comes(stopped: Any) -> None:
    async with stopped.stub() as stub:
        for _ in range(2):
            async with asyncio.timeout(5):
                with pytest.raises(AppError) as caught:
                    await stub.one(Note(code="x"))
            assert (caught.value.kind, caught.value.code) == (Kind.UNAVAILABLE, "service_unavailable")
            assert caught.value.details == {"service": "toy"}
            async with stopped.running():
                await until_answers(stub)


async def test_a_stream_from_a_service_that_is_away_is_unavailable(stopped: Any) -> None:
    async with stopped.stub() as stub:
        with pytest.raises(AppError) as caught:
            await anext(stub.many(Note()))
        assert caught.value.code == "service_unavailable"


async def test_a_call_that_runs_may_end_when_the_server_stops(stopped: Any) -> None:
    async with stopped.stub() as stub:
        async with stopped.running():
            running = asyncio.create_task(stub.one(Note(field="wait", code="done"), timeout=20))
            await asyncio.wait_for(stopped.toy.entered.wait(), 10)
            asyncio.get_running_loop().call_later(0.1, stopped.toy.left.set)
        assert (await asyncio.wait_for(running, 10)).code == "done"


async def test_a_call_that_hangs_is_unavailable_after_the_grace(stopped: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tseeder_rpc.server.GRACE_SECONDS", 0.1)
    async with stopped.stub() as stub:
        async with stopped.running():
            running = asyncio.create_task(code_of(stub, Note(field="hang")))
            await asyncio.wait_for(stopped.toy.entered.wait(), 10)
        assert await asyncio.wait_for(running, 10) in ("service_unavailable", "cancelled")
        await asyncio.wait_for(stopped.toy.left.wait(), 10)


async def test_a_channel_that_is_closed_under_a_call_makes_it_unavailable_not_cancelled(served: Any) -> None:
    async with open_channel(f"127.0.0.1:{served.port}") as channel:
        caller = Caller(channel, service="toy", credential=lambda: "alice")
        method: Any = caller.channel.unary_unary("/test.Toy/One", Note.SerializeToString, Note.FromString)
        running: asyncio.Task[Note] = asyncio.create_task(method(Note(field="hang")))
        await asyncio.wait_for(served.toy.entered.wait(), 10)
    with pytest.raises(AppError) as caught:
        await asyncio.wait_for(running, 10)
    assert caught.value.code == "service_unavailable"
    with pytest.raises(AppError) as caught:
        await method(Note())
    assert caught.value.code == "service_unavailable"


async def test_a_server_that_is_killed_in_the_middle_is_unavailable() -> None:
    """The other side is plain TCP here: it takes the connection and breaks it off."""
    took = asyncio.Event()

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        took.set()
        writer.transport.abort()

    server = await asyncio.start_server(break_off, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_channel(f"127.0.0.1:{port}") as channel:
        caller = Caller(channel, service="toy")
        method = caller.channel.unary_unary("/test.Toy/One", Note.SerializeToString, Note.FromString)
        with pytest.raises(AppError) as caught:
            await method(Note())
        assert caught.value.code == "service_unavailable"
        assert took.is_set()
