"""Peers that mean harm. They speak the wire protocol themselves: libtorrent checks its own data before it sends."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

from tseeder_testkit.torrents import Sample

_PROTOCOL = b"\x13BitTorrent protocol"
_BITFIELD, _UNCHOKE, _REQUEST, _PIECE = 5, 1, 6, 7
_MAX_MESSAGE = 1 << 20


class Malice(StrEnum):
    """What it does with a request: answers all with garbage, spoils one block of each piece, or never answers."""

    CORRUPT_ALL = "corrupt_all"
    CORRUPT_ONE_BLOCK = "corrupt_one_block"
    SILENT = "silent"


@dataclass(slots=True)
class HostilePeer:
    """A hostile peer that claims to have everything. `served` counts the blocks that it sent."""

    sample: Sample
    malice: Malice
    host: str
    port: int = 0
    served: int = 0
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: handshake, bitfield, unchoke, then answers until the other side hangs up."""
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError, ValueError):  # it hung up, most likely by a ban
            await self._talk(reader, writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(68)
        peer_id = b"-EV0001-" + b"x" * 12
        writer.write(_PROTOCOL + bytes(8) + self.sample.wire_hash + peer_id)
        count = self.sample.piece_count
        everything = ((1 << count) - 1) << (-count % 8)
        writer.write(_message(_BITFIELD, everything.to_bytes(-(-count // 8), "big")) + _message(_UNCHOKE))
        await writer.drain()
        while True:
            (length,) = struct.unpack(">I", await reader.readexactly(4))
            if length > _MAX_MESSAGE:
                raise ValueError("message too long")
            body = await reader.readexactly(length)
            if body and body[0] == _REQUEST and self.malice is not Malice.SILENT:
                await self._answer(writer, *struct.unpack(">III", body[1:13]))

    async def _answer(self, writer: asyncio.StreamWriter, piece: int, begin: int, length: int) -> None:
        data = await asyncio.to_thread(self._block, piece * self.sample.piece_length + begin, length)
        if self.malice is Malice.CORRUPT_ALL or begin == 0:
            data = bytes(byte ^ 0xFF for byte in data)
        self.served += 1
        writer.write(_message(_PIECE, struct.pack(">II", piece, begin) + data))
        await writer.drain()

    def _block(self, at: int, length: int) -> bytes:
        """The true bytes at `at` in piece space; what no file covers is zeros."""
        block = bytearray(length)
        for file in self.sample.files:
            start, end = max(at, file.offset), min(at + length, file.offset + file.size)
            if start < end:
                with self.sample.path_of(file).open("rb") as source:
                    source.seek(start - file.offset)
                    block[start - at : end - at] = source.read(end - start)
        return bytes(block)


def _message(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">IB", 1 + len(payload), kind) + payload


@asynccontextmanager
async def hostile_peer(
    sample: Sample, malice: Malice = Malice.CORRUPT_ALL, *, host: str = "127.0.0.66"
) -> AsyncIterator[HostilePeer]:
    """A hostile peer of `sample` that listens while the context is open; hand its port to a tracker."""
    peer = HostilePeer(sample=sample, malice=malice, host=host)
    server = await asyncio.start_server(peer.serve, host, 0)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        await server.wait_closed()
