"""Every limit that the gateway sets, just below and just above it; those of the description by its own numbers."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.integration.gateway.conftest import MakeDoor, upload
from tests.integration.gateway.declared import document
from tests.integration.gateway.running import Caller, Door

LIMITS: dict[str, int] = document()["x-limits"]
KEYS = "/v1/me/api-keys"
LOGIN = "/v1/auth/login"
JSON = {"Content-Type": "application/json"}
KIB = 1 << 10
NOBODY = "01a1f8b5-2825-728a-81b6-9320f137115c"


async def posted(door: Door, user: Caller, path: str, body: bytes) -> str:
    answer = await door.call("POST", path, user=user, data=io.BytesIO(body), headers=JSON)
    return f"{answer.status} {answer.code}"


@pytest.mark.parametrize("over", [0, 1])
async def test_bytes_of_a_json_body(door: Door, user: Caller, over: int) -> None:
    body = b'{"name": 1}'.ljust(LIMITS["max_json_bytes"] + over)
    assert await posted(door, user, KEYS, body) == ("413 body_too_large" if over else "400 invalid_request")


@pytest.mark.parametrize("over", [0, 1])
async def test_bytes_of_a_magnet(door: Door, user: Caller, over: int) -> None:
    body = b'{"magnet": "x"}'.ljust(LIMITS["max_json_bytes"] + 64 * KIB + over)
    assert await posted(door, user, "/v1/jobs", body) == ("413 body_too_large" if over else "400 magnet_not_magnet")


@pytest.mark.parametrize("over", [0, 1])
async def test_levels_of_json(door: Door, user: Caller, over: int) -> None:
    depth = LIMITS["max_json_depth"] + over - 1
    body = b'{"name": ' + b"[" * depth + b"]" * depth + b"}"
    assert await posted(door, user, KEYS, body) == ("400 json_too_deep" if over else "400 invalid_request")


@pytest.mark.parametrize(("number", "code"), [(2**63 - 1, "invalid_request"), (2**63, "json_number_too_large")])
@pytest.mark.parametrize("sign", [1, -1])
async def test_integers(door: Door, user: Caller, number: int, code: str, sign: int) -> None:
    value = number if sign > 0 else -number - 1
    assert await posted(door, user, KEYS, b'{"name": %d}' % value) == f"400 {code}"


async def test_keys_of_an_object(door: Door, user: Caller) -> None:
    for count in (LIMITS["max_json_keys"], LIMITS["max_json_keys"] + 1):
        body = {f"key {number}": 1 for number in range(count)}
        answer = await door.call("POST", KEYS, user=user, json=body)
        assert answer.code == "invalid_request"
        assert (len(answer.json["errors"]) > 1) == (count == LIMITS["max_json_keys"])


@pytest.mark.parametrize("over", [0, 1])
async def test_bytes_of_an_upload(make_door: MakeDoor, user: Caller, over: int) -> None:
    door = await make_door(max_upload_bytes=100_000)
    edges = len(multipart(b""))
    body = multipart(b"x" * (100_000 - edges + over))
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    answer = await door.call("POST", "/v1/jobs", user=user, data=body, headers=headers)
    assert f"{answer.status} {answer.code}" == ("413 body_too_large" if over else "400 torrent_not_bencode")


def multipart(torrent: bytes) -> bytes:
    return b'--B\r\nContent-Disposition: form-data; name="torrent"; filename="x"\r\n\r\n' + torrent + b"\r\n--B--\r\n"


@pytest.mark.parametrize("over", [0, 1])
async def test_fields_of_an_upload(door: Door, user: Caller, over: int) -> None:
    fields = {f"field{number}": "x" for number in range(LIMITS["max_upload_fields"] + over)}
    answer = await door.call("POST", "/v1/jobs", user=user, data=upload(b"x", **fields))
    assert f"{answer.status} {answer.code}" == ("400 multipart_invalid" if over else "400 invalid_request")


@pytest.mark.parametrize(("over", "status"), [(0, 200), (1, 431)])
async def test_bytes_of_a_head(door: Door, over: int, status: int) -> None:
    plain = len("/healthz") + len("host") + len("x") + len("x-large")
    large = "y" * (LIMITS["max_head_bytes"] - plain + over)
    answer = await door.raw(f"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: {large}\r\n\r\n".encode(), end=b"}")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(("over", "status"), [(0, 200), (1, 431)])
async def test_headers_of_a_head(door: Door, over: int, status: int) -> None:
    headers = "".join(f"X-{number}: y\r\n" for number in range(LIMITS["max_headers"] - 1 + over))
    answer = await door.raw(f"GET /healthz HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode(), end=b"}")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


def bounded() -> list[tuple[str, str, int]]:
    """(path, name, maxLength) of each query parameter with a longest length."""
    return [
        (
            path.format(job_id=NOBODY, file_id=NOBODY, provider="example"),
            parameter["name"],
            parameter["schema"]["maxLength"],
        )
        for path, operations in document()["paths"].items()
        for parameter in operations.get("get", {"parameters": ()})["parameters"]
        if parameter["in"] == "query" and "maxLength" in parameter["schema"]
    ]


@pytest.mark.parametrize(("path", "name", "longest"), bounded())
async def test_characters_of_a_query_value(door: Door, operator: Caller, path: str, name: str, longest: int) -> None:
    for over in (0, 1):
        answer = await door.call("GET", f"{path}?{name}={'x' * (longest + over)}", user=operator)
        is_refused_here = answer.status == 400 and answer.code == "invalid_request"
        assert is_refused_here == bool(over), answer
        assert over or name in ("cursor", "files") or answer.status in (200, 404), answer


@pytest.mark.parametrize(
    ("path", "largest"),
    [
        (path.format(job_id=NOBODY, file_id=NOBODY, provider="example"), branch["maximum"])
        for path, operations in document()["paths"].items()
        for parameter in operations.get("get", {"parameters": ()})["parameters"]
        if parameter["name"] == "limit"
        for branch in parameter["schema"]["anyOf"]
        if "maximum" in branch
    ],
)
async def test_the_size_of_a_page(door: Door, operator: Caller, path: str, largest: int) -> None:
    for limit, taken in ((0, False), (1, True), (largest, True), (largest + 1, False)):
        answer = await door.call("GET", f"{path}?limit={limit}", user=operator)
        assert answer.status in ((200, 404) if taken else (400,)), (limit, answer)
    for text in ("+1", "1.0", "1_0", "%201", "1e0"):
        assert (await door.call("GET", f"{path}?limit={text}", user=operator)).status == 400


@pytest.mark.parametrize(("size", "status"), [(255, 202), (256, 400)])
async def test_characters_of_an_idempotency_key(door: Door, user: Caller, size: int, status: int) -> None:
    body = {"magnet": "magnet:?xt=urn:btih:" + "b2" * 20}
    answer = await door.call("POST", "/v1/jobs", user=user, json=body, headers={"Idempotency-Key": "k" * size})
    assert answer.status == status


async def test_memory_of_one_caller(make_door: MakeDoor, user: Caller, stranger: Caller) -> None:
    door = await make_door(body_memory_bytes=4 << 20, body_memory_bytes_per_caller=2 << 20)
    async with holding(door, user, 900 * KIB, 2):
        refused = await door.call("POST", KEYS, user=user, data=b" " * (900 * KIB), headers=JSON)
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (429, "too_many_uploads", "1")
        small = await door.call("POST", KEYS, user=user, data=b" " * (64 * KIB), headers=JSON)
        assert small.code == "json_invalid"
        other = await door.call("POST", KEYS, user=stranger, data=b" " * (900 * KIB), headers=JSON)
        assert other.code == "json_invalid"
    await eventually_taken(door, user, 900 * KIB)


async def test_memory_of_all_callers(make_door: MakeDoor, user: Caller, stranger: Caller) -> None:
    door = await make_door(body_memory_bytes=2 << 20, body_memory_bytes_per_caller=2 << 20)
    async with holding(door, user, 900 * KIB, 2):
        refused = await door.call("POST", KEYS, user=stranger, data=b" " * (900 * KIB), headers=JSON)
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "uploads_busy", "1")
    await eventually_taken(door, stranger, 900 * KIB)


async def test_memory_of_strangers_is_one_share(make_door: MakeDoor, user: Caller) -> None:
    """However many addresses they have, uploads of users find room, and small bodies are taken of strangers still."""
    door = await make_door(
        body_memory_bytes=2 << 20, body_memory_bytes_per_caller=1 << 20, trusted_proxies=("127.0.0.0/8",)
    )
    async with holding(door, None, 900 * KIB, 1, path=LOGIN):
        headers = {**JSON, "X-Forwarded-For": "192.0.2.7"}
        refused = await door.call("POST", LOGIN, data=b" " * (900 * KIB), headers=headers)
        assert (refused.status, refused.code) == (429, "too_many_uploads")
        assert (await door.call("POST", LOGIN, data=b" " * (64 * KIB), headers=headers)).code == "json_invalid"
        assert await posted(door, user, KEYS, b" " * (900 * KIB)) == "400 json_invalid"


async def test_memory_of_a_body_that_does_not_say_its_length(make_door: MakeDoor, user: Caller) -> None:
    door = await make_door(body_memory_bytes=2 << 20, body_memory_bytes_per_caller=1 << 20)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * (60 * KIB)

    async def body() -> AsyncIterator[bytes]:
        yield multipart(b"")[: -len(b"\r\n--B--\r\n")]
        async for chunk in chunks():
            yield chunk

    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    answer = await door.call("POST", "/v1/jobs", user=user, data=body(), headers=headers)
    assert (answer.status, answer.code) == (429, "too_many_uploads")


@asynccontextmanager
async def holding(door: Door, user: Caller | None, size: int, count: int, *, path: str = KEYS) -> AsyncIterator[None]:
    """So many requests whose bodies of `size` bytes are on their way, and do not come."""
    credential = f"Authorization: {user.headers['Authorization']}\r\n" if user else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\n{credential}"
        f"Content-Type: application/json\r\nContent-Length: {size}\r\nExpect: 100-continue\r\n\r\n"
    )
    async with AsyncExitStack() as stack:
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", door.http_port)
            stack.callback(dropped, writer)
            writer.write(head.encode())
            # The gateway says so when it begins to read, which is after it has taken the memory.
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        yield


async def eventually_taken(door: Door, user: Caller, size: int) -> None:
    """What those who left held comes back."""
    async with asyncio.timeout(10):
        while (await door.call("POST", KEYS, user=user, data=b" " * size, headers=JSON)).code != "json_invalid":
            pass


async def test_connections_of_one_address(make_door: MakeDoor) -> None:
    door = await make_door(max_connections_per_address=2)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            assert (await first_line(stack, door)) == b"HTTP/1.1 200 OK\r\n"
        assert (await first_line(stack, door)) == b"HTTP/1.1 503 Service Unavailable\r\n"
    async with asyncio.timeout(10):
        while True:
            async with AsyncExitStack() as stack:
                if await first_line(stack, door) == b"HTTP/1.1 200 OK\r\n":
                    break


async def test_connections_in_all_count_those_of_trusted_proxies_too(make_door: MakeDoor) -> None:
    door = await make_door(max_connections=3, max_connections_per_address=1, trusted_proxies=("127.0.0.0/8",))
    async with AsyncExitStack() as stack:
        for _ in range(3):
            assert (await first_line(stack, door)) == b"HTTP/1.1 200 OK\r\n"
        refused = await door.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"too_many_connections" in refused
        assert b"\r\nretry-after: 1\r\n" in refused


def dropped(writer: asyncio.StreamWriter) -> None:
    """Whoever lets go of a writer closes it; so it is held until here."""
    writer.transport.abort()


async def first_line(stack: AsyncExitStack, door: Door) -> bytes:
    """Of an answer on a connection of its own, which stays open until the stack ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.http_port)
    stack.callback(dropped, writer)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    return await reader.readline()
