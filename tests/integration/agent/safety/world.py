"""What the agent may meet, as one process in a network namespace: the same servers on every address.

`python -m tests.integration.agent.safety.world DEVICE FOLDER`: prints a line when it listens, and answers every line on
stdin with what it has seen so far, as JSON. FOLDER holds cert.pem and key.pem.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

from tests.integration.agent.safety import answers
from tests.integration.agent.safety.places import FRONT, TLS_FRONT, Way
from tests.integration.agent.safety.sniffer import Sniffer
from tseeder_testkit.children import die_with_parent

_HEAD: Final = 64 * 1024


async def main(device: str, folder: Path) -> None:
    """Listen, and tell what was seen until stdin ends."""
    sniffer = Sniffer(device)
    sniffer.start()
    resolver = answers.Resolver()
    tls = None
    if (folder / "cert.pem").exists():
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    for port in (*Way, FRONT):
        await _listen(port, None)
    await _listen(TLS_FRONT, tls)
    for port in (*Way, FRONT, 53):
        await _datagrams(port, resolver)
    await tell(sniffer, await stdin())


async def tell(sniffer: Sniffer, lines: asyncio.StreamReader) -> None:
    """Say `ready`, and answer each line with what was seen so far."""
    print("ready", flush=True)
    while line := await lines.readline():
        if line == b"forget\n":
            sniffer.seen.clear()
        seen = [[*key, count] for key, count in sniffer.seen.items()]
        print(json.dumps({"seen": seen, "lost": sniffer.lost()}), flush=True)


async def _listen(port: int, tls: ssl.SSLContext | None) -> None:
    await asyncio.start_server(_serve, ["0.0.0.0", "::"], port, ssl=tls)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        start = await reader.readexactly(4)
        if start == b"GET ":
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(answers.http(head.split(b" ", 1)[0].decode()))
            await writer.drain()
        elif start[:1] == b"\x13":
            await answers.peer(await reader.readexactly(64), reader, writer)
    writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, port: int, resolver: answers.Resolver) -> None:
        self._port, self._resolver = port, resolver
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # it is none to isinstance

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        with suppress(ValueError, KeyError, IndexError):
            answer = self._resolver.answer(data) if self._port == 53 else answers.datagram(data)
            if answer:
                self._transport.sendto(answer, addr)


async def _datagrams(port: int, resolver: answers.Resolver) -> None:
    """One socket for each address: what is answered from a wildcard has another sender than was asked."""
    loop = asyncio.get_running_loop()
    for family, host in answers.own_addresses():
        listening = socket.socket(family, socket.SOCK_DGRAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.setblocking(False)
        await loop.create_datagram_endpoint(lambda: _Datagrams(port, resolver), sock=listening)


async def stdin() -> asyncio.StreamReader:
    """Standard input, by lines."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
