"""Status, headers and parts of content answers."""

from __future__ import annotations

import pytest

from tseeder_gateway.domain.content_plan import Content, Plan, Wish, plan
from tseeder_gateway.domain.ranges import ByteRange

FILE = Content(name="film.mp4", size_bytes=1000, media_type="video/mp4", etag='"v1"')
EMPTY = Content(name="empty.txt", size_bytes=0, media_type="text/plain", etag='"v0"')


def planned(wish: Wish, content: Content = FILE) -> Plan:
    return plan(content, wish, "BOUNDARY")


def test_the_whole_file() -> None:
    answer = planned(Wish())
    assert (answer.status, answer.length, [part.range for part in answer.parts]) == (200, 1000, [ByteRange(0, 999)])
    assert answer.headers == {
        "Content-Type": "video/mp4",
        "Content-Disposition": 'inline; filename="film.mp4"',
        "ETag": '"v1"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
        "Referrer-Policy": "no-referrer",
    }


def test_one_range() -> None:
    answer = planned(Wish(range="bytes=-10"))
    assert (answer.status, answer.length) == (206, 10)
    assert answer.headers["Content-Range"] == "bytes 990-999/1000"


@pytest.mark.parametrize(
    ("wish", "at_start"),
    [
        (Wish(), True),
        (Wish(range="bytes=0-0"), True),
        (Wish(range="bytes=-2000"), True),
        (Wish(range="bytes=500-509,0-9"), True),
        (Wish(range="bytes=1-"), False),
        (Wish(range="bytes=500-509,600-"), False),
        (Wish(range="bytes=1000-"), False),
        (Wish(method="HEAD"), False),
        (Wish(if_none_match="*"), False),
    ],
)
def test_a_download_begins_with_the_first_byte(wish: Wish, at_start: bool) -> None:
    assert planned(wish).at_start == at_start
    assert planned(Wish(), EMPTY).at_start
    assert not planned(Wish(method="HEAD"), EMPTY).at_start


def test_a_head_has_the_whole_length_and_ignores_range() -> None:
    answer = planned(Wish(method="HEAD", range="bytes=0-0"))
    assert (answer.status, answer.length, answer.bodiless) == (200, 1000, True)
    assert "Content-Range" not in answer.headers


def test_several_ranges_have_an_exact_length() -> None:
    answer = planned(Wish(range="bytes=0-9,500-509"))
    assert answer.status == 206
    assert answer.headers["Content-Type"] == "multipart/byteranges; boundary=BOUNDARY"
    assert "Content-Range" not in answer.headers
    body = b"".join(part.prefix + b"x" * part.range.length for part in answer.parts) + answer.suffix
    assert answer.length == len(body)
    assert body == (
        b"--BOUNDARY\r\nContent-Type: video/mp4\r\nContent-Range: bytes 0-9/1000\r\n\r\nxxxxxxxxxx\r\n"
        b"--BOUNDARY\r\nContent-Type: video/mp4\r\nContent-Range: bytes 500-509/1000\r\n\r\nxxxxxxxxxx\r\n"
        b"--BOUNDARY--\r\n"
    )


def test_no_part_of_it() -> None:
    answer = planned(Wish(range="bytes=1000-"))
    assert (answer.status, answer.headers, answer.parts) == (416, {"Content-Range": "bytes */1000"}, ())


def test_an_empty_file() -> None:
    assert (planned(Wish(), EMPTY).status, planned(Wish(), EMPTY).length, planned(Wish(), EMPTY).parts) == (200, 0, ())
    assert planned(Wish(range="bytes=0-"), EMPTY).headers == {"Content-Range": "bytes */0"}
    assert planned(Wish(range="bytes=-1"), EMPTY).status == 200


def test_conditions_go_in_the_order_of_rfc_9110() -> None:
    assert planned(Wish(if_match='"old"', if_none_match='"v1"', range="bytes=0-0")).status == 412
    assert planned(Wish(if_none_match='"v1"', range="bytes=5000-")).status == 304
    assert planned(Wish(if_none_match='"v1"')).headers == {"ETag": '"v1"', "Cache-Control": "private, no-cache"}
    assert planned(Wish(method="HEAD", if_none_match="*")).status == 304
    assert planned(Wish(if_range='"old"', range="bytes=0-0")).status == 200
    assert planned(Wish(if_range='"v1"', range="bytes=0-0")).status == 206


def test_what_only_the_gateway_can_answer_is_not_plain() -> None:
    assert Wish().plain
    assert Wish(range="bytes=0-1").plain
    assert not Wish(range="bytes=0-1,3-4").plain
    assert not Wish(method="HEAD").plain
    assert not Wish(if_range='"x"', range="bytes=0-1").plain
    assert not Wish(if_none_match='"x"').plain
    assert not Wish(if_match='"x"').plain


def test_a_page_or_a_drawing_is_never_shown_in_place() -> None:
    for name, kind in (("x.html", "text/html"), ("x.svg", "image/svg+xml")):
        answer = planned(Wish(), Content(name=name, size_bytes=1, media_type=kind, etag='"e"'))
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment;")
