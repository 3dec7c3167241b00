"""GET and HEAD of stored files: ranges, conditions, headers, and what happens when S3 or the reader breaks."""

from __future__ import annotations

import email
import email.policy

import pytest

from tests.integration.gateway.conftest import Library, MakeDoor
from tests.integration.gateway.running import Caller, Door

FILM = "film.mp4"


async def test_a_whole_file(door: Door, user: Caller, library: Library) -> None:
    answer = await door.call("GET", library.url(FILM), user=user)
    content = library.contents[FILM]
    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Content-Disposition"] == 'inline; filename="film.mp4"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["ETag"].startswith('"')


async def test_every_file_is_right_to_the_byte(door: Door, user: Caller, library: Library) -> None:
    for path, content in library.contents.items():
        answer = await door.call("GET", library.url(path), user=user)
        assert (answer.status, answer.body) == (200, content), path


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=100-", 100, -1),
        ("bytes=1000-2000", 1000, 2000),
        ("bytes=-5", -5, -1),
        ("bytes=5-999999999999999999999999", 5, -1),
        ("bytes=-999999999999999999999999", 0, -1),
        ("bytes=7-9,400000000-", 7, 9),
    ],
)
async def test_one_range(door: Door, user: Caller, library: Library, header: str, first: int, last: int) -> None:
    content = library.contents[FILM]
    size = len(content)
    first, last = first % size, last % size
    answer = await door.call("GET", library.url(FILM), user=user, headers={"Range": header})
    assert answer.status == 206
    assert answer.body == content[first : last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{size}"


@pytest.mark.parametrize(
    "header", ["bytes=-0", "bytes=99999999-", "bytes=99999999999999999999999999-", "bytes=307208-"]
)
async def test_a_range_past_the_end(door: Door, user: Caller, library: Library, header: str) -> None:
    answer = await door.call("GET", library.url(FILM), user=user, headers={"Range": header})
    assert (answer.status, answer.code) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(library.contents[FILM])}"


@pytest.mark.parametrize(
    "header",
    [
        "bytes=5-4",
        "items=0-1",
        "bytes=x",
        "bytes=" + ",".join("0-" for _ in range(1000)),
        "bytes=" + ",".join(f"{n}-{n}" for n in range(6)),
    ],
)
async def test_a_range_that_is_ignored(door: Door, user: Caller, library: Library, header: str) -> None:
    answer = await door.call("GET", library.url(FILM), user=user, headers={"Range": header})
    assert (answer.status, answer.body) == (200, library.contents[FILM])
    assert "Content-Range" not in answer.headers


async def test_two_range_headers_are_none(door: Door, user: Caller, library: Library) -> None:
    request = (
        f"GET {library.url(FILM)} HTTP/1.1\r\nHost: x\r\nAuthorization: {user.headers['Authorization']}\r\n"
        "Range: bytes=0-1\r\nRange: bytes=0-2\r\nConnection: close\r\n\r\n"
    )
    assert (await door.raw(request.encode())).startswith(b"HTTP/1.1 200 ")


async def test_several_ranges(door: Door, user: Caller, library: Library) -> None:
    content = library.contents[FILM]
    answer = await door.call("GET", library.url(FILM), user=user, headers={"Range": "bytes=0-9, 1000-1999, -3,5-5,7-7"})
    assert answer.status == 206
    assert answer.headers["Content-Length"] == str(len(answer.body))
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + answer.body, policy=email.policy.HTTP)
    parts = [(str(part["Content-Range"]), part.get_payload(decode=True)) for part in message.iter_parts()]
    size = len(content)
    assert parts == [
        (f"bytes 0-9/{size}", content[:10]),
        (f"bytes 1000-1999/{size}", content[1000:2000]),
        (f"bytes {size - 3}-{size - 1}/{size}", content[-3:]),
        (f"bytes 5-5/{size}", content[5:6]),
        (f"bytes 7-7/{size}", content[7:8]),
    ]


async def test_head_says_the_same_without_a_body(door: Door, user: Caller, library: Library) -> None:
    got = await door.call("GET", library.url(FILM), user=user)
    for headers in ({}, {"Range": "bytes=0-0"}, {"Range": "bytes=99999999-"}):
        answer = await door.call("HEAD", library.url(FILM), user=user, headers=headers)
        assert (answer.status, answer.body) == (200, b"")
        for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges", "Content-Disposition"):
            assert answer.headers[name] == got.headers[name]


async def test_an_empty_file(door: Door, user: Caller, library: Library) -> None:
    url = library.url("empty.txt")
    answer = await door.call("GET", url, user=user)
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")
    assert (await door.call("HEAD", url, user=user)).headers["Content-Length"] == "0"
    ranged = await door.call("GET", url, user=user, headers={"Range": "bytes=0-0"})
    assert (ranged.status, ranged.headers["Content-Range"]) == (416, "bytes */0")
    assert (await door.call("GET", url, user=user, headers={"Range": "bytes=-5"})).status == 200


async def test_conditions(door: Door, user: Caller, library: Library) -> None:
    url = library.url(FILM)
    etag = (await door.call("HEAD", url, user=user)).headers["ETag"]

    async def status(method: str = "GET", **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await door.call(method, url, user=user, headers=named)).status

    assert await status(If_None_Match=etag) == 304
    assert await status(If_None_Match=f'W/{etag}, "x"') == 304
    assert await status("HEAD", If_None_Match="*") == 304
    assert await status(If_None_Match='"x"') == 200
    assert await status(If_Match=etag) == 200
    assert await status(If_Match='"x"') == 412
    assert await status(If_Range=etag, Range="bytes=0-0") == 206
    assert await status(If_Range='"stale"', Range="bytes=0-0") == 200
    assert await status(If_Range="Wed, 21 Oct 2015 07:28:00 GMT", Range="bytes=0-0") == 200
    not_modified = await door.call("GET", url, user=user, headers={"If-None-Match": etag})
    assert (not_modified.body, not_modified.headers["ETag"]) == (b"", etag)
    assert "Content-Length" not in not_modified.headers


@pytest.mark.parametrize("path", ["page.html", "drawing.svg"])
async def test_what_a_browser_would_run_is_a_download(door: Door, user: Caller, library: Library, path: str) -> None:
    answer = await door.call("GET", library.url(path), user=user)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{path}"'
    assert answer.headers["Content-Security-Policy"] == "sandbox"


async def test_a_name_that_is_not_ascii(door: Door, user: Caller, library: Library) -> None:
    answer = await door.call("HEAD", library.url("Füße – 映画.mkv"), user=user)
    assert answer.headers["Content-Disposition"] == (
        "inline; filename=\"Fu_e _ __.mkv\"; filename*=UTF-8''F%C3%BC%C3%9Fe%20%E2%80%93%20%E6%98%A0%E7%94%BB.mkv"
    )


async def test_somebody_else_s_file_is_not_there(door: Door, stranger: Caller, library: Library) -> None:
    for method in ("GET", "HEAD"):
        assert (await door.call(method, library.url(FILM), user=stranger)).status == 404
    assert (await door.call("GET", library.url(FILM), user=stranger)).code == "file_not_found"


async def test_a_redirect_where_it_is_set(make_door: MakeDoor, user: Caller, library: Library) -> None:
    door = await make_door(content_redirect=True)
    content = library.contents[FILM]
    for headers, body in (({}, content), ({"Range": "bytes=5-9"}, content[5:10])):
        answer = await door.call("GET", library.url(FILM), user=user, headers=headers)
        assert (answer.status, answer.headers["Cache-Control"]) == (307, "no-store")
        location = answer.headers["Location"]
        assert not location.startswith(door.upstream.flaky.url)
        async with door.http.get(location, headers=headers) as followed:
            assert await followed.read() == body
    for headers in ({"Range": "bytes=0-1,5-6"}, {"If-Range": '"x"', "Range": "bytes=0-1"}, {"If-None-Match": '"x"'}):
        assert (await door.call("GET", library.url(FILM), user=user, headers=headers)).status in (200, 206)
    assert (await door.call("HEAD", library.url(FILM), user=user)).status == 200
    assert (await door.call("GET", library.url("empty.txt"), user=user)).status == 200
