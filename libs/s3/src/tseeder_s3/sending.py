"""What every request by aiohttp needs, so that servers, proxies and certificates are met as botocore meets them."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from botocore.httpsession import get_cert_path

MOST_ERROR: Final = 4096
CONNECT_SECONDS: Final = 5.0
_PORTS: Final = MappingProxyType({"http": 80, "https": 443})


@asynccontextmanager
async def open_session(
    url: str | None, *, connections: int, read_seconds: float | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """For requests to the server at `url`, None if it is not known yet. `read_seconds` without a byte are an error."""
    # Where there is no TLS, the world's certificates are not read: 20 ms of the start.
    plain = url is not None and not url.startswith("https:")
    connector = aiohttp.TCPConnector(limit=connections, ssl=True if plain else _trust())
    waits = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=read_seconds)
    # What is stored counts, as it is: whoever put it may have said any Content-Encoding of it.
    async with aiohttp.ClientSession(connector=connector, timeout=waits, auto_decompress=False) as session:
        yield session


def host_of(url: str) -> str:
    """The `Host` to send, as botocore signs it; aiohttp's own keeps capitals, and drops the dot behind a name."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if parts.port in (None, _PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def proxy_for(url: str) -> str | None:
    """The environment's for this URL (HTTP_PROXY, HTTPS_PROXY, NO_PROXY, also by port), as botocore takes it."""
    parts = urlsplit(url)
    return environment_proxy(parts.scheme, parts.netloc)


@cache
def environment_proxy(scheme: str, netloc: str) -> str | None:
    """As the environment was when it was first asked for."""
    found = None if proxy_bypass(netloc) else getproxies().get(scheme)
    return found if found is None or "://" in found else "http://" + found.removeprefix("//")


async def error_code(answer: aiohttp.ClientResponse) -> str:
    """S3's own code, or "" where there is none; servers send their errors in pieces, too."""
    text = b""
    while len(text) < MOST_ERROR and (more := await answer.content.read(MOST_ERROR - len(text))):
        text += more
    code, ended, _ = text.partition(b"<Code>")[2].partition(b"</Code>")
    return code.decode("utf-8", "replace") if ended else ""


def _trust() -> ssl.SSLContext:
    """Whom botocore trusts: AWS_CA_BUNDLE, or the world's certificates."""
    bundle = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
    context = ssl.create_default_context(cafile=bundle or get_cert_path(True))
    # Python 3.13 asks more of certificates than botocore does: those of private authorities often lack what it wants.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
