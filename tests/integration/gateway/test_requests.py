"""What is refused before any service is asked: forms, sizes, heads; and how it is said."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest

from tests.integration.gateway.conftest import MakeDoor, upload
from tests.integration.gateway.running import Caller, Door

MAGNET = "magnet:?xt=urn:btih:" + "a1" * 20
JOB = "/v1/jobs/01a1f8b5-2825-728a-81b6-9320f137115c"


async def submit(door: Door, user: Caller, body: bytes, content_type: str = "application/json") -> str:
    answer = await door.call("POST", "/v1/jobs", user=user, data=body, headers={"Content-Type": content_type})
    return f"{answer.status} {answer.code}"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "400 json_invalid"),
        (b'{"magnet": "x", "magnet": "y"}', "400 json_duplicate_key"),
        (b'{"magnet": NaN}', "400 json_number_not_finite"),
        (b'{"selection": {"file_indexes": [99999999999999999999]}}', "400 json_number_too_large"),
        (b'{"name": "\\ud800"}', "400 json_lone_surrogate"),
        (b'{"name": "a\\u0000b"}', "400 json_nul"),
        (b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}", "400 json_too_deep"),
        (b"\xff\xfe", "400 json_not_utf8"),
        (b"[]", "400 invalid_request"),
        (b"{}", "400 invalid_request"),
        (b'{"magnet": "x", "info_hash": "y"}', "400 invalid_request"),
        (b'{"magnet": "x", "user_id": "me"}', "400 invalid_request"),
        (b'{"magnet": "x", "selection": {"file_indexes": ["1"]}}', "400 invalid_request"),
    ],
)
async def test_a_body_that_is_wrong(door: Door, user: Caller, body: bytes, expected: str) -> None:
    assert await submit(door, user, body) == expected


async def test_each_wrong_field_is_named_and_its_value_is_not_said(door: Door, user: Caller) -> None:
    body = {"magnet": 5, "selection": {"file_indexes": [1, -2, "s3cret"]}, "quota": "s3cret"}
    answer = await door.call("POST", "/v1/jobs", user=user, json=body)
    assert answer.code == "invalid_request"
    assert [(each["field"], each["code"]) for each in answer.json["errors"]] == [
        ("magnet", "string_type"),
        ("selection.file_indexes[1]", "greater_than_equal"),
        ("selection.file_indexes[2]", "int_type"),
        ("quota", "extra_forbidden"),
    ]
    assert b"s3cret" not in answer.body


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/xml"])
async def test_other_media_types(door: Door, user: Caller, content_type: str) -> None:
    body = json.dumps({"magnet": MAGNET}).encode()
    assert await submit(door, user, body, content_type) == "415 unsupported_media_type"


async def test_a_compressed_body(door: Door, user: Caller) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await door.call("POST", "/v1/jobs", user=user, data=gzip.compress(b"{}"), headers=headers)
    assert (answer.status, answer.code) == (415, "unsupported_content_encoding")


async def test_a_body_that_is_too_large(make_door: MakeDoor, user: Caller) -> None:
    door = await make_door(max_json_bytes=2000)
    answer = await door.call("POST", "/v1/me/api-keys", user=user, json={"name": "x" * 3000})
    assert (answer.status, answer.code, answer.json["details"]) == (413, "body_too_large", {"max_bytes": "2000"})
    assert (await door.call("POST", "/v1/me/api-keys", user=user, json={"name": 1})).status == 400


async def test_a_body_that_is_too_large_and_does_not_say_so(make_door: MakeDoor, user: Caller) -> None:
    door = await make_door(max_json_bytes=2000)

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"name": "'
        for _ in range(30):
            yield b"x" * 100
        yield b'"}'

    headers = {"Content-Type": "application/json"}
    answer = await door.call("POST", "/v1/me/api-keys", user=user, data=chunks(), headers=headers)
    assert (answer.status, answer.code) == (413, "body_too_large")


async def test_an_upload_that_is_too_large(make_door: MakeDoor, user: Caller) -> None:
    door = await make_door(max_upload_bytes=100_000)
    answer = await door.call("POST", "/v1/jobs", user=user, data=upload(b"x" * 200_000))
    assert (answer.status, answer.code) == (413, "body_too_large")


async def test_a_client_that_asks_first_is_refused_without_sending(make_door: MakeDoor, user: Caller) -> None:
    door = await make_door(max_json_bytes=2000)
    head = (
        f"POST /v1/me/api-keys HTTP/1.1\r\nHost: x\r\nAuthorization: {user.headers['Authorization']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = await door.raw(head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_does_not_come(make_door: MakeDoor, user: Caller) -> None:
    door = await make_door(body_seconds=0.2)
    head = (
        f"POST /v1/me/api-keys HTTP/1.1\r\nHost: x\r\nAuthorization: {user.headers['Authorization']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    )
    answer = await door.raw(head.encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"body_timeout" in answer


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"priority": "9"}, "invalid_request"),
        ({"selection": "{}"}, "invalid_request"),
        ({"selection": "[1"}, "json_invalid"),
        ({"selection": '{"file_indexes": [0], "file_indexes": [1]}'}, "json_duplicate_key"),
        ({"name": "a\0b"}, "json_nul"),
    ],
)
async def test_an_upload_s_fields(door: Door, user: Caller, fields: dict[str, str], code: str) -> None:
    answer = await door.call("POST", "/v1/jobs", user=user, data=upload(b"d4:infodee", **fields))
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "multipart_invalid"),
        (b"nonsense", "multipart_invalid"),
        (
            b'--B\r\nContent-Disposition: form-data; name="torrent"; filename="x"\r\n\r\nx\r\n'
            b'--B\r\nContent-Disposition: form-data; name="selection"\r\n\r\n{"file_ind',
            "multipart_invalid",
        ),
        (b'--B\r\nContent-Disposition: form-data; name="torrent"\r\n\r\nx\r\n--B--\r\n', "invalid_request"),
        (b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--\r\n", "multipart_invalid"),
        (
            b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n'
            b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\ny\r\n--B--\r\n',
            "multipart_duplicate_field",
        ),
        (
            b'--B\r\nContent-Disposition: form-data; name="name"; filename="x"\r\n\r\nx\r\n--B--\r\n',
            "invalid_request",
        ),
    ],
)
async def test_a_multipart_body_that_is_wrong(door: Door, user: Caller, body: bytes, code: str) -> None:
    assert await submit(door, user, body, "multipart/form-data; boundary=B") == f"400 {code}"


@pytest.mark.parametrize("charset", ["undefined", "punycode"])
async def test_a_multipart_body_in_a_charset_that_it_is_not_in(door: Door, user: Caller, charset: str) -> None:
    body = b'--B\r\nContent-Disposition: form-data; name="a..b"\r\n\r\nx\r\n--B--\r\n'
    assert await submit(door, user, body, f"multipart/form-data; boundary=B; charset={charset}") == (
        "400 multipart_invalid"
    )


async def test_a_multipart_body_without_its_boundary(door: Door, user: Caller) -> None:
    assert await submit(door, user, b"x", "multipart/form-data") == "400 multipart_invalid"


@pytest.mark.parametrize("key", ["x" * 256, "a b", "\xe4"])
async def test_an_idempotency_key_that_is_wrong(door: Door, user: Caller, key: str) -> None:
    request = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: {user.headers['Authorization']}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: 15\r\nIdempotency-Key: {key}\r\n\r\n" + '{"magnet": "x"}'
    )
    answer = await door.raw(request.encode("latin-1"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"idempotency_key_invalid" in answer


@pytest.mark.parametrize(
    "query",
    [
        "state=sleeping",
        "&".join(["state="] * 17),
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=1e2",
        "order=asc",
        "text=a%00b",
        "text=" + "x" * 501,
        "cursor=forged",
        "cursor=%00",
    ],
)
async def test_a_query_that_is_wrong(door: Door, user: Caller, query: str) -> None:
    answer = await door.call("GET", f"/v1/jobs?{query}", user=user)
    assert answer.status == 400
    assert answer.code in ("invalid_request", "bad_cursor")


async def test_empty_query_values_are_absent_ones(door: Door, user: Caller) -> None:
    answer = await door.call("GET", "/v1/jobs?state=&text=&cursor=&limit=", user=user)
    assert answer.status == 200


@pytest.mark.parametrize("job_id", ["x", "0", "../../etc", "01a1f8b5-2825-728a-81b6-9320f137115c", "%00", "x" * 300])
async def test_an_id_of_nothing_is_not_found(door: Door, user: Caller, job_id: str) -> None:
    answer = await door.call("GET", f"/v1/jobs/{job_id}", user=user)
    assert answer.status == 404
    assert answer.code in ("job_not_found", "route_not_found")


async def test_unknown_routes_and_methods(door: Door, user: Caller) -> None:
    answer = await door.call("GET", "/v1/nothing", user=user)
    assert (answer.status, answer.code) == (404, "route_not_found")
    answer = await door.call("PUT", JOB, user=user)
    assert (answer.status, answer.code, answer.headers["Allow"]) == (
        405,
        "method_not_allowed",
        "DELETE, GET, HEAD, PATCH",
    )
    answer = await door.call("POST", JOB + "/content", user=user)
    assert (answer.status, answer.code) == (404, "route_not_found")


async def test_request_ids(door: Door) -> None:
    answer = await door.call("GET", "/healthz", headers={"X-Request-Id": "my-request-0001"})
    assert answer.headers["X-Request-Id"] == "my-request-0001"
    for sent in ("short", "with spaces in it", "x" * 200):
        answer = await door.call("GET", "/v1/jobs", headers={"X-Request-Id": sent})
        assert answer.headers["X-Request-Id"] not in (sent, "")
        assert answer.json["request_id"] == answer.headers["X-Request-Id"]


async def test_heads_that_are_too_large(door: Door) -> None:
    many = "".join(f"X-{number}: y\r\n" for number in range(150))
    large = "X-Large: " + "y" * 40_000 + "\r\n"
    for headers in (many, large):
        answer = await door.raw(f"GET /healthz HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert b"headers_too_large" in answer
    endless = await door.raw(b"GET /healthz HTTP/1.1\r\nX-Endless: " + b"y" * 100_000)
    assert endless.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost"])
async def test_a_head_that_does_not_come_is_not_waited_for(make_door: MakeDoor, head: bytes) -> None:
    door = await make_door(head_seconds=0.1)
    assert await door.raw(head) == b""


async def test_nor_is_a_second_one_on_the_same_connection(make_door: MakeDoor) -> None:
    door = await make_door(head_seconds=0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", door.http_port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
    writer.write(b"GET /healthz HTT")
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


async def test_the_rest_of_a_body_that_nobody_wants_is_not_waited_for(make_door: MakeDoor) -> None:
    door = await make_door(head_seconds=0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", door.http_port)
    writer.write(b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 401 ")
    writer.write(b"x")  # with it the pause between two requests is over, too
    async with asyncio.timeout(10):
        await reader.read()
    writer.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
)
async def test_what_is_not_http(door: Door, request_bytes: bytes) -> None:
    answer = await door.raw(request_bytes)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "http_invalid"


async def test_a_forged_host_changes_nothing(door: Door, user: Caller) -> None:
    plain = await door.call("GET", "/v1/jobs", user=user)
    forged = await door.call("GET", "/v1/jobs", user=user, headers={"Host": "evil.example"})
    assert (forged.status, forged.body) == (plain.status, plain.body)


async def test_a_client_that_leaves_in_the_middle_of_its_body(door: Door, user: Caller) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", door.http_port)
    head = (
        f"POST /v1/me/api-keys HTTP/1.1\r\nHost: x\r\nAuthorization: {user.headers['Authorization']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    )
    writer.write(head.encode())
    await writer.drain()
    writer.transport.abort()
    assert (await door.call("GET", "/healthz")).status == 200
