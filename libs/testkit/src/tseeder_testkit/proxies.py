"""A SOCKS5 (RFC 1928, 1929) and HTTP proxy for TCP, which notes whom it was asked for, and refuses nobody.

`python -m tseeder_testkit.proxies HOST PORT [USER PASSWORD]`: prints `ready` when it listens, and answers every line on
stdin with what it was asked for so far, as JSON: {"targets": [[host, port], ...], "refused": n}.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from tseeder_testkit.children import die_with_parent

_CHUNK: Final = 64 * 1024
_CONNECT: Final = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_NO_AUTH, _PASSWORD, _NONE_FITS = 0, 2, 0xFF


@dataclass(slots=True)
class ProxyServer:
    """One port that speaks both. `targets` are hosts as they were asked for, names as names; `said` is what passed
    through from those who asked."""

    username: str = ""
    password: str = ""
    port: int = 0
    targets: list[tuple[str, int]] = field(default_factory=list)
    refused: int = 0
    said: bytearray = field(default_factory=bytearray)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            first = await reader.readexactly(1)
            if first == b"\5":
                await self._socks(reader, writer)
            else:
                await self._http(first, reader, writer)
        writer.close()

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        offered = await reader.readexactly((await reader.readexactly(1))[0])
        wanted = _PASSWORD if self.username else _NO_AUTH
        writer.write(bytes([5, wanted if wanted in offered else _NONE_FITS]))
        if wanted not in offered or (self.username and not await self._knows(reader, writer)):
            self.refused += 1
            return
        _, command, _, kind = await reader.readexactly(4)
        host = await _socks_host(kind, reader)
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        if command != _CONNECT:
            self.refused += 1
            writer.write(b"\5\7\0\1" + bytes(6))
            return
        self.targets.append((host, port))
        try:
            far = await asyncio.open_connection(host, port)
        except OSError:
            writer.write(b"\5\5\0\1" + bytes(6))
            return
        writer.write(b"\5\0\0\1" + bytes(6))
        await self._relay((reader, writer), far)

    async def _knows(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await reader.readexactly(1)
        name = await reader.readexactly((await reader.readexactly(1))[0])
        word = await reader.readexactly((await reader.readexactly(1))[0])
        right = (name, word) == (self.username.encode(), self.password.encode())
        writer.write(bytes([1, 0 if right else 1]))
        return right

    async def _http(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = first + await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        pair = base64.b64encode(f"{self.username}:{self.password}".encode())
        if self.username and b"basic " + pair.lower() not in head.lower():
            self.refused += 1
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        split = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host, port = split.hostname or "", split.port or 80
        self.targets.append((host, port))
        try:
            far = await asyncio.open_connection(host, port)
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:  # the server wants to see its own part of the URL
            path = (split.path or "/") + (f"?{split.query}" if split.query else "")
            far[1].write(head.replace(target.encode(), path.encode(), 1))
        await self._relay((reader, writer), far)

    async def _relay(
        self,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pump(near[0], far[1], note=True))
            group.create_task(self._pump(far[0], near[1], note=False))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, note: bool) -> None:
        with suppress(OSError):
            while data := await source.read(_CHUNK):
                if note:
                    self.said += data
                sink.write(data)
                await sink.drain()
        sink.close()


async def _socks_host(kind: int, reader: asyncio.StreamReader) -> str:
    if kind == _NAME:
        return (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    if kind not in (_IPV4, _IPV6):
        raise ValueError("no such kind of address")
    return str(ipaddress.ip_address(await reader.readexactly(4 if kind == _IPV4 else 16)))


@asynccontextmanager
async def proxying(host: str, port: int = 0, username: str = "", password: str = "") -> AsyncIterator[ProxyServer]:
    """A proxy that listens while the context is open, on a free port unless one is given."""
    proxy = ProxyServer(username, password)
    server = await asyncio.start_server(proxy.serve, host, port)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()


async def main(host: str, port: int, username: str = "", password: str = "") -> None:
    """Serve until stdin ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with proxying(host, port, username, password) as proxy:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while await reader.readline():
            told = {"targets": proxy.targets, "refused": proxy.refused, "said": base64.b64encode(proxy.said).decode()}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:5]))
