"""Counts who is contacted: every TCP SYN and every UDP datagram that a device hands over, whoever listens or not."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

_ALL: Final = 0x0003
_IPV4: Final = 0x0800
_IPV6: Final = 0x86DD
_OUTGOING: Final = 4
_TCP, _UDP = 6, 17
_SYN, _ACK = 0x02, 0x10
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_SO_RCVBUFFORCE: Final = 33
_BUFFER: Final = 64 << 20


@dataclass
class Sniffer:
    """`seen`: (protocol, destination, port) -> how often."""

    device: str
    seen: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    _socket: socket.socket | None = None

    def start(self) -> None:
        """From now on, in this process's network namespace."""
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self._socket.bind((self.device, _ALL))
        asyncio.get_running_loop().add_reader(self._socket, self._take)

    def lost(self) -> int:
        """How many packets came too fast since the last call; they were not counted."""
        assert self._socket is not None
        return int(struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))[1])

    def _take(self) -> None:
        assert self._socket is not None
        while True:
            try:
                packet, (_, protocol, kind, *_) = self._socket.recvfrom(2048)
            except BlockingIOError:
                return
            if kind != _OUTGOING and (contact := contact_of(protocol, packet)) is not None:
                self.seen[contact] += 1


def contact_of(protocol: int, packet: bytes) -> tuple[str, str, int] | None:
    """(`tcp` or `udp`, destination, port) of a packet that begins a contact."""
    if protocol == _IPV4:
        header, inner, target = (packet[0] & 0xF) * 4, packet[9], packet[16:20]
    elif protocol == _IPV6:
        header, inner, target = 40, packet[6], packet[24:40]
    else:
        return None
    body = packet[header:]
    if inner == _TCP and body[13] & (_SYN | _ACK) == _SYN:
        kind = "tcp"
    elif inner == _UDP:
        kind = "udp"
    else:
        return None
    (port,) = struct.unpack(">H", body[2:4])
    return kind, str(ipaddress.ip_address(target)), port
