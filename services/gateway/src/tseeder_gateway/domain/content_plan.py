"""What a request for a file's content is answered with: status, parts and headers; no bytes yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tseeder_gateway.domain.conditions import match_fails, none_match, range_applies
from tseeder_gateway.domain.disposition import content_disposition
from tseeder_gateway.domain.media_types import served_as
from tseeder_gateway.domain.ranges import ByteRange, satisfiable

_CRLF: Final = "\r\n"


@dataclass(frozen=True)
class Content:
    """A stored file, as far as HTTP is concerned. `etag` is strong, with its quotes."""

    name: str
    size_bytes: int
    media_type: str
    etag: str


@dataclass(frozen=True)
class Wish:
    """What the client asked for; headers as they came, None where there is none."""

    method: Literal["GET", "HEAD"] = "GET"
    range: str | None = None
    if_range: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None

    @property
    def plain(self) -> bool:
        """Whether any HTTP server would answer it the same way: a GET of everything or of one range, unconditional."""
        conditional = self.if_range is not None or self.if_match is not None or self.if_none_match is not None
        return self.method == "GET" and not conditional and "," not in (self.range or "")


@dataclass(frozen=True)
class Part:
    """Bytes to send: what stands before them (a part's own headers, in multipart/byteranges), then the range."""

    prefix: bytes
    range: ByteRange


@dataclass(frozen=True)
class Plan:
    """An answer. `length` is its Content-Length: prefixes, ranges and `suffix` together."""

    status: int
    headers: dict[str, str]
    length: int
    parts: tuple[Part, ...] = ()
    suffix: bytes = b""
    bodiless: bool = False  # HEAD, 304: headers only

    @property
    def at_start(self) -> bool:
        """Whether the file's first byte is among those to send (all of an empty file are none): then a download begins,
        and none is resumed."""
        is_whole = self.status == 200 and not self.bodiless
        return is_whole or any(part.range.first == 0 for part in self.parts)


def plan(content: Content, wish: Wish, boundary: str) -> Plan:
    """The answer to `wish`. `boundary` is a fresh random token; it is used for multipart/byteranges only.

    412 and 416 come without a body of their own: the caller makes a problem document of them.
    """
    headers = _headers(content)
    if match_fails(wish.if_match, content.etag):
        return Plan(412, {"ETag": content.etag}, 0)
    if none_match(wish.if_none_match, content.etag):
        return Plan(304, {name: headers[name] for name in ("ETag", "Cache-Control")}, 0, bodiless=True)
    if wish.method == "HEAD":
        # RFC 9110, 14.2: Range is defined for GET only.
        return Plan(200, headers, content.size_bytes, bodiless=True)
    wanted = wish.range if range_applies(wish.if_range, content.etag) else None
    return _body(content, headers, satisfiable(wanted, content.size_bytes), boundary)


def _body(content: Content, headers: dict[str, str], ranges: tuple[ByteRange, ...] | None, boundary: str) -> Plan:
    if ranges is None:
        whole = (ByteRange(0, content.size_bytes - 1),) if content.size_bytes else ()
        return Plan(200, headers, content.size_bytes, tuple(Part(b"", part) for part in whole))
    if not ranges:
        return Plan(416, {"Content-Range": f"bytes */{content.size_bytes}"}, 0)
    if len(ranges) == 1:
        headers["Content-Range"] = ranges[0].content_range(content.size_bytes)
        return Plan(206, headers, ranges[0].length, (Part(b"", ranges[0]),))
    return _multipart(content, headers, ranges, boundary)


def _headers(content: Content) -> dict[str, str]:
    media_type, inline = served_as(content.media_type)
    return {
        "Content-Type": media_type,
        "Content-Disposition": content_disposition(content.name, inline=inline),
        "ETag": content.etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
        "Referrer-Policy": "no-referrer",  # a link's address is a secret
    }


def _multipart(content: Content, headers: dict[str, str], ranges: tuple[ByteRange, ...], boundary: str) -> Plan:
    """RFC 9110, 14.6."""
    parts = []
    for number, each in enumerate(ranges):
        lines = [
            *([] if number == 0 else [""]),
            f"--{boundary}",
            f"Content-Type: {headers['Content-Type']}",
            f"Content-Range: {each.content_range(content.size_bytes)}",
            "",
            "",
        ]
        parts.append(Part(_CRLF.join(lines).encode("ascii"), each))
    suffix = f"{_CRLF}--{boundary}--{_CRLF}".encode("ascii")
    length = sum(len(part.prefix) + part.range.length for part in parts) + len(suffix)
    several = {**headers, "Content-Type": f"multipart/byteranges; boundary={boundary}"}
    return Plan(206, several, length, tuple(parts), suffix)
