"""Calls of all four forms over a real connection: answers, errors, identity, request ids, deadlines."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc
import grpc.aio
import pytest
from prometheus_client import REGISTRY

from tests.e2e.waiting import wait_for
from tseeder.common.v1.error_pb2 import Error
from tseeder.common.v1.error_pb2 import FieldError as Note
from tseeder_kit.errors import AppError, FieldError, Kind
from tseeder_kit.logging import bind_request
from tseeder_rpc import Caller, detached, open_channel, serve, use_identity
from tseeder_rpc.context import begin_call
from tseeder_rpc.wire_errors import METADATA_KEY

Call: TypeAlias = Callable[[Any, Note], Awaitable[Note]]


async def each(*notes: Note) -> AsyncIterator[Note]:
    for note in notes:
        yield note


async def collected(stream: AsyncIterator[Note]) -> list[Note]:
    return [note async for note in stream]


async def one(stub: Any, note: Note) -> Note:
    answer: Note = await stub.one(note)
    return answer


async def many(stub: Any, note: Note) -> Note:
    return (await collected(stub.many(note)))[-1]


async def total(stub: Any, note: Note) -> Note:
    answer: Note = await stub.sum(each(Note(field="add", code="1"), note))
    return answer


async def chat(stub: Any, note: Note) -> Note:
    return (await collected(stub.chat(each(note))))[-1]


async def write(stub: Any, note: Note) -> Note:
    return (await collected(stub.write(note)))[-1]


ALL = [one, many, total, chat, write]
ANSWERING = [one, many, chat, write]


async def error_of(awaitable: Awaitable[object]) -> AppError:
    with pytest.raises(AppError) as caught:
        await asyncio.wait_for(awaitable, 20)
    return caught.value


async def test_all_forms_answer(stub: Any) -> None:
    assert await one(stub, Note(field="x", code="1")) == Note(field="x", code="1")
    assert [note.code async for note in stub.many(Note(code="end"))] == ["0", "1", "2", "end"]
    assert (await stub.sum(each(Note(field="add", code="2"), Note(field="add", code="3")))).code == "5"
    assert (await stub.sum([Note(field="add", code="4")])).code == "4"
    assert [note.code async for note in stub.chat(each(Note(code="a"), Note(code="b")))] == ["a", "b"]
    assert [note.code async for note in stub.write(Note(code="w"))] == ["0", "w"]


@pytest.mark.parametrize("call", ALL)
async def test_an_app_error_arrives_as_it_was_raised(stub: Any, call: Call) -> None:
    error = await error_of(call(stub, Note(field="refuse")))
    assert (error.kind, error.code, error.message) == (Kind.INVALID, "request_invalid", "Not so.")
    assert error.details == {"limit": "5"}
    assert error.fields == (FieldError("a[3]", "too_long", "Too long."),)


@pytest.mark.parametrize("call", ALL)
@pytest.mark.parametrize("how", ["fail", "internal"])
async def test_a_defect_arrives_as_internal_and_only_the_log_tells(
    stub: Any, call: Call, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), bind_request("request-77"):
        error = await error_of(call(stub, Note(field=how, code="hunter2")))
    assert (error.kind, error.code) == (Kind.INTERNAL, "internal")
    assert "hunter2" not in f"{error}{error.details}"
    event: Any = next(record.msg for record in caplog.records if record.name == "tseeder_rpc.served")
    assert event["request_id"] == "request-77"
    assert "hunter2" in str(event["exc_info"].__cause__)


async def test_the_status_and_the_request_id_are_on_the_wire(served: Any) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{served.port}") as channel:
        method = channel.unary_unary("/test.Toy/One", Note.SerializeToString, Note.FromString)
        metadata = (("authorization", "Bearer alice"), ("x-request-id", "request-78"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await method(Note(field="fail", code="hunter2"), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "hunter2" not in str(caught.value)
    trailing: Any = caught.value.trailing_metadata()
    wire = Error.FromString(dict(trailing)[METADATA_KEY])
    assert (wire.kind, wire.request_id) == ("internal", "request-78")


@pytest.mark.parametrize("call", ANSWERING)
async def test_the_request_id_goes_along(stub: Any, call: Call) -> None:
    for sent in ("request-79", "r" * 8, "r" * 128):  # as short and as long as the gateway takes them
        with bind_request(sent):
            assert (await call(stub, Note(field="request_id"))).code == sent
    made = (await call(stub, Note(field="request_id"))).code
    assert len(made) == 32


@pytest.mark.parametrize("bad", ["short", "with a space in it", "x" * 129, "<script>alert(1)"])
async def test_a_request_id_that_could_harm_a_log_is_replaced(stub: Any, bad: str) -> None:
    with bind_request(bad):
        assert (await one(stub, Note(field="request_id"))).code != bad


@pytest.mark.parametrize("call", ALL)
@pytest.mark.parametrize("token", [None, "mallory"])
async def test_without_a_good_credential_nothing_is_served(served: Any, call: Call, token: str | None) -> None:
    async with served.stub(token) as stub:
        error = await error_of(call(stub, Note(field="x")))
    assert (error.kind, error.code) == (Kind.UNAUTHENTICATED, "unauthenticated")


@pytest.mark.parametrize("call", ANSWERING)
async def test_the_principal_is_known_inside(stub: Any, call: Call) -> None:
    assert (await call(stub, Note(field="who"))).code.endswith("-000000000001")


async def test_methods_take_the_credential_that_is_theirs(served: Any) -> None:
    async with served.stub("agent-1") as stub:
        assert (await stub.agents_only(Note())).code == "agent-1"
        assert (await error_of(one(stub, Note()))).code == "unauthenticated"
    async with served.stub("alice") as stub:
        assert (await error_of(stub.agents_only(Note()))).code == "unauthenticated"


async def test_a_public_method_needs_none_and_has_nobody(served: Any) -> None:
    async with served.stub(None) as stub:
        assert (await stub.open(Note(code="x"))).code == "x"
        assert (await error_of(stub.open(Note(field="who")))).code == "unauthenticated"


async def test_a_users_token_goes_on_with_calls_made_for_him(stub: Any) -> None:
    assert (await one(stub, Note(field="identity"))).code == "alice"


async def test_use_identity_gives_the_token_to_all_calls_inside(served: Any) -> None:
    async with open_channel(f"127.0.0.1:{served.port}") as channel:
        method = Caller(channel, service="toy").channel.unary_unary(
            "/test.Toy/One", Note.SerializeToString, Note.FromString
        )
        with use_identity("alice"):
            assert (await method(Note(code="1"))).code == "1"
            with use_identity(None):
                assert (await error_of(method(Note()))).code == "unauthenticated"
        assert (await error_of(method(Note()))).code == "unauthenticated"


async def test_a_call_without_a_time_of_its_own_has_the_callers_deadline(served: Any) -> None:
    async with served.stub(deadline=0.2) as stub:
        began = time.monotonic()
        error = await error_of(one(stub, Note(field="hang")))
        assert (error.kind, error.code, error.details) == (Kind.DEADLINE, "deadline_exceeded", {"service": "toy"})
        assert time.monotonic() - began < 5
        await asyncio.wait_for(served.toy.left.wait(), 10)  # the server stopped working on it
        assert (await error_of(total(stub, Note(field="hang")))).code == "deadline_exceeded"


@pytest.mark.parametrize("method", ["one", "many"])
async def test_a_call_may_have_a_time_of_its_own(stub: Any, method: str) -> None:
    call = getattr(stub, method)(Note(field="hang"), timeout=0.2)
    error = await error_of(call if method == "one" else collected(call))
    assert error.code == "deadline_exceeded"


async def test_the_time_that_is_left_limits_the_calls_made_for_a_call(stub: Any) -> None:
    assert 0 < float((await stub.one(Note(field="remaining"), timeout=3)).code) < 3.1

    async def while_serving(seconds: float) -> float | str:
        begin_call(seconds=seconds)
        try:
            return float((await stub.one(Note(field="remaining"))).code)
        except AppError as exc:
            return exc.code

    assert 0 < float(await asyncio.create_task(while_serving(2.0))) < 2.1
    assert await asyncio.create_task(while_serving(-1.0)) == "deadline_exceeded"

    async def outliving() -> float:
        begin_call(seconds=-1.0)
        with detached():
            return float((await stub.one(Note(field="remaining"))).code)

    assert await asyncio.create_task(outliving()) > 5


async def test_cancelling_a_call_cancels_it_over_there(served: Any, stub: Any) -> None:
    task = asyncio.create_task(one(stub, Note(field="hang")))
    await asyncio.wait_for(served.toy.entered.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(served.toy.left.wait(), 10)


@pytest.mark.parametrize("way", ["cancel", "aclosing", "forgotten"])
async def test_a_stream_that_is_left_early_ends_over_there(served: Any, stub: Any, way: str) -> None:
    stream = stub.many(Note(field="hang"))
    if way == "aclosing":
        async with aclosing(stream):
            assert (await anext(stream)).code == "0"
    else:
        assert (await anext(stream)).code == "0"
        if way == "cancel":
            stream.cancel()
    del stream
    await asyncio.wait_for(served.toy.left.wait(), 10)


async def test_an_error_of_the_request_iterator_is_the_callers_own(stub: Any) -> None:
    async def broken() -> AsyncIterator[Note]:
        yield Note(field="add", code="1")
        raise KeyError("mine")

    for call in (stub.sum(broken()), collected(stub.chat(broken()))):
        with pytest.raises(KeyError, match="mine"):
            await asyncio.wait_for(call, 20)


async def test_messages_may_be_large_but_not_too_large(stub: Any) -> None:
    assert len((await stub.one(Note(field="size", code=str(20 * 2**20)), timeout=30)).message) == 20 * 2**20
    error = await error_of(stub.one(Note(field="size", code=str(33 * 2**20)), timeout=30))
    assert error.kind is Kind.EXHAUSTED


async def test_a_method_that_is_not_there_is_internal(stub: Any) -> None:
    assert (await error_of(stub.missing(Note()))).kind is Kind.INTERNAL


async def test_calls_are_counted_by_method_and_outcome_on_both_sides(stub: Any) -> None:
    def counts() -> tuple[float, ...]:
        server = {"method": "/test.Toy/One", "status": "INVALID_ARGUMENT"}
        client = {"method": "/test.Toy/One", "outcome": "invalid"}
        return (
            REGISTRY.get_sample_value("tseeder_rpc_server_seconds_count", server) or 0.0,
            REGISTRY.get_sample_value("tseeder_rpc_client_seconds_count", client) or 0.0,
        )

    before = counts()
    await error_of(one(stub, Note(field="refuse")))

    async def counted() -> bool:
        return counts() == (before[0] + 1, before[1] + 1)

    await wait_for(counted, "both sides have counted it")  # the server does when its answer has gone


async def test_a_port_that_is_taken_is_an_error(served: Any) -> None:
    async def nobody(_method: str, _metadata: object) -> None:
        return None

    with pytest.raises(OSError, match="cannot listen"):
        async with serve("127.0.0.1", served.port, [], authenticate=nobody):
            pass
