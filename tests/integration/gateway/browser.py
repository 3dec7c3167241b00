"""A browser's part: a cookie jar with a browser's rules, and TLS in front of a gateway."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.request import Request

import httpx

from tests.certificates import self_signed

END_OF_HEAD = b"\r\n\r\n"


class BrowserPolicy(DefaultCookiePolicy):
    """RFC 6265bis beside RFC 6265: Secure cookies come by https only, and `__Host-` means what it says."""

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        """Whether the jar keeps a cookie of this answer."""
        if cookie.secure and request.type != "https":
            return False
        if cookie.name.startswith("__Host-"):
            at_the_root = cookie.path_specified and cookie.path == "/"
            if not (cookie.secure and at_the_root and not cookie.domain_specified):
                return False
        return super().set_ok(cookie, request)


@dataclass(frozen=True)
class Browser:
    """A jar, and what sends with it."""

    jar: CookieJar
    http: httpx.AsyncClient

    @property
    def cookies(self) -> dict[str, Cookie]:
        """What the jar keeps, by name."""
        return {cookie.name: cookie for cookie in self.jar}


@asynccontextmanager
async def browser(tls: ssl.SSLContext | None = None) -> AsyncIterator[Browser]:
    """A browser without a history, that trusts the certificates of `tls`."""
    jar = CookieJar(BrowserPolicy())
    verify: ssl.SSLContext | bool = tls if tls is not None else True
    # A connection for each request: the front looks into the first request of a connection only.
    headers = {"Connection": "close"}
    async with httpx.AsyncClient(cookies=jar, verify=verify, headers=headers, trust_env=False, timeout=30) as http:
        yield Browser(jar, http)


@dataclass(frozen=True)
class Front:
    """A TLS terminator; `tls` trusts it."""

    port: int
    tls: ssl.SSLContext

    @property
    def url(self) -> str:
        """Where it is."""
        return f"https://127.0.0.1:{self.port}"


@asynccontextmanager
async def terminating(port: int, folder: Path, *, adding: str = "") -> AsyncIterator[Front]:
    """TLS before the gateway at `port`; the header lines `adding` go into the first request of each connection."""
    certificate, key = self_signed(folder)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        head = await reader.readuntil(END_OF_HEAD)
        inner_writer.write(head.removesuffix(b"\r\n") + adding.encode() + b"\r\n")
        await asyncio.gather(_pipe(reader, inner_writer), _pipe(inner_reader, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=served)
    async with server:
        trusting = ssl.create_default_context(cafile=str(certificate))
        yield Front(int(server.sockets[0].getsockname()[1]), trusting)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    finally:
        writer.close()
        await _ignoring_resets(writer.wait_closed())


async def _ignoring_resets(waited: Awaitable[None]) -> None:
    """The other side may be quicker to close."""
    try:
        await waited
    except (ConnectionError, ssl.SSLError):
        return
