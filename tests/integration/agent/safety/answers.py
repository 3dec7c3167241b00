"""What the little internet says: HTTP, trackers, peers, DHT nodes and DNS, each leading wherever it can."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import socket
import struct
import subprocess
from collections import Counter
from typing import Any, Final

from tests.integration.agent.safety.places import (
    FRONT,
    LINK_LOCAL6,
    MAPPED,
    NAMES,
    OTHER_PUBLIC,
    PRIVATE,
    PUBLIC,
    PUBLIC6,
    REBINDING,
    Way,
    hosts,
)
from tseeder_testkit.bencoding import Bencodable, bdecode, bencode

LED_TO: Final = (*PRIVATE, *MAPPED, LINK_LOCAL6, "0.0.0.0", "::", OTHER_PUBLIC, PUBLIC6)
"""Where peers, nodes and values are said to be."""
_ACTION_CONNECT, _ACTION_ANNOUNCE = 0, 1


def own_addresses() -> list[tuple[socket.AddressFamily, str]]:
    """Every address of this namespace but link-local ones."""
    listed = json.loads(subprocess.run(["ip", "-j", "address"], capture_output=True, check=True).stdout)
    found = [each["local"] for device in listed for each in device["addr_info"] if each["scope"] != "link"]
    found += ["169.254.169.254"] if "169.254.169.254" in str(listed) and "169.254.169.254" not in found else []
    return [(socket.AF_INET6 if ":" in host else socket.AF_INET, host) for host in found]


def compact(addresses: tuple[str, ...], port: int) -> tuple[bytes, bytes]:
    """(IPv4, IPv6) peers as trackers and peers pack them."""
    packed = [ipaddress.ip_address(each).packed for each in addresses]
    tail = port.to_bytes(2, "big")
    return b"".join(p + tail for p in packed if len(p) == 4), b"".join(p + tail for p in packed if len(p) == 16)


def http(target: str) -> bytes:
    """The answer to GET `target`: /to/<way>/<number> leads to a host, /peers/<kind> names peers, others are empty."""
    path = target.partition("?")[0].strip("/").split("/")
    if path[0] == "to":
        scheme = "https" if path[1] == "HTTPS_REDIRECT" else "http"
        location = f"{scheme}://{redirects()[int(path[2])]}:{Way[path[1]].value}/{'/'.join(path[3:]) or 'announce'}"
        extra = "?" + target.partition("?")[2] if "?" in target else ""
        head = f"HTTP/1.1 302 Found\r\nLocation: {location}{extra}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        return head.encode()
    body: dict[bytes, Bencodable] = {b"interval": 5, b"min interval": 1, b"peers": b""}
    if path[0] == "peers" and path[1] == "compact":
        body[b"peers"], body[b"peers6"] = compact(LED_TO, Way.COMPACT_PEERS)
    elif path[0] == "peers" and path[1] == "listed":
        named = [*LED_TO, *(host.strip("[]").replace("%25", "%") for host in hosts()), "public.example.net"]
        body[b"peers"] = [
            {b"ip": each.encode(), b"port": int(Way.LISTED_PEERS), b"peer id": b"%020d" % number}
            for number, each in enumerate(named)
        ]
    elif path[0] == "peers":  # one peer, that tells of others
        body[b"peers"] = compact((PUBLIC,), int(path[1]))[0]
    return _ok(bencode(body))


def redirects() -> list[str]:
    """Where redirects lead, by number: the public host is the last one."""
    return [*hosts(), OTHER_PUBLIC]


def _ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body


async def peer(rest: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A peer that speaks extensions; at FRONT it tells of others by ut_pex and by ut_holepunch."""
    wire_hash = rest[24:44]
    extended = bytearray(8)
    extended[5] = 0x10
    writer.write(b"\x13BitTorrent protocol" + bytes(extended) + wire_hash + b"-EV0002-" + b"y" * 12)
    hello: dict[bytes, Bencodable] = {b"m": {b"ut_pex": 1, b"ut_holepunch": 4}, b"v": b"evil", b"metadata_size": 0}
    writer.write(_message(20, b"\0" + bencode(hello)))
    while True:
        (length,) = struct.unpack(">I", await reader.readexactly(4))
        if length > 1 << 20:
            raise ValueError("too long")
        body = await reader.readexactly(length)
        if body[:2] == b"\x14\0":
            if writer.get_extra_info("sockname")[1] != FRONT:  # those that it tells of would tell of more
                continue
            hello_back: Any = bdecode(body[2:])
            _tell(writer, hello_back[b"m"])


def _tell(writer: asyncio.StreamWriter, theirs: dict[bytes, Any]) -> None:
    if number := theirs.get(b"ut_pex"):
        v4, v6 = compact(LED_TO, Way.PEX)
        told = {
            b"added": v4,
            b"added.f": b"\x12" * (len(v4) // 6),
            b"added6": v6,
            b"added6.f": b"\x12" * (len(v6) // 18),
        }
        writer.write(_message(20, bytes([number]) + bencode(told)))
    if number := theirs.get(b"ut_holepunch"):
        for each in LED_TO:
            address = ipaddress.ip_address(each)
            where = bytes([0 if address.version == 4 else 1]) + address.packed + Way.HOLE_PUNCH.to_bytes(2, "big")
            writer.write(_message(20, bytes([number, 1]) + where))


def _message(kind: int, payload: bytes) -> bytes:
    return struct.pack(">IB", 1 + len(payload), kind) + payload


def datagram(data: bytes) -> bytes | None:
    """The answer of a UDP tracker (BEP 15) or of a DHT node (BEP 5)."""
    if data[:1] == b"d":
        return _node(bdecode(data))  # type: ignore[arg-type]
    if len(data) == 16 and data[8:12] == bytes(4):
        return struct.pack(">II", _ACTION_CONNECT, *struct.unpack(">I", data[12:16])) + b"12345678"
    if len(data) >= 98 and data[8:12] == b"\0\0\0\1":
        head = struct.pack(">I", _ACTION_ANNOUNCE) + data[12:16] + struct.pack(">III", 5, 0, 1)
        return head + compact(LED_TO, Way.UDP_TRACKER_PEERS)[0]
    return None


def _node(asked: dict[bytes, Any]) -> bytes | None:
    if asked.get(b"y") != b"q":
        return None
    wanted = asked[b"a"].get(b"info_hash") or asked[b"a"].get(b"target") or b"\0" * 20
    answer: dict[bytes, Bencodable] = {b"id": hashlib.sha1(b"me", usedforsecurity=False).digest()}
    if asked[b"q"] in (b"find_node", b"get_peers"):
        v4, v6 = compact(LED_TO, Way.DHT_NODE)
        answer[b"nodes"] = b"".join(_near(wanted, n) + v4[n * 6 : n * 6 + 6] for n in range(len(v4) // 6))
        answer[b"nodes6"] = b"".join(_near(wanted, n) + v6[n * 18 : n * 18 + 18] for n in range(len(v6) // 18))
    if asked[b"q"] == b"get_peers":
        v4, v6 = compact(LED_TO, Way.DHT_VALUE)
        answer[b"token"] = b"tokn"
        values = [v4[at : at + 6] for at in range(0, len(v4), 6)]
        answer[b"values"] = values + [v6[at : at + 18] for at in range(0, len(v6), 18)]
    return bencode({b"t": asked[b"t"], b"y": b"r", b"r": answer})


def _near(wanted: bytes, number: int) -> bytes:
    """An id so close to what is looked for that it must be asked."""
    return wanted[:18] + bytes([number, number])


class Resolver:
    """A DNS server for NAMES and REBINDING; other names do not exist."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def answer(self, query: bytes) -> bytes:
        """The answer to one query."""
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        name, (kind,) = ".".join(labels).lower(), struct.unpack(">H", query[at + 1 : at + 3])
        question = query[12 : at + 5]
        known = NAMES.get(name)
        if name == REBINDING:
            self.asked[f"{name} {kind}"] += 1
            known = (PUBLIC,) if self.asked[f"{name} {kind}"] == 1 else ("10.0.0.5", "fd00::5", "127.0.0.1")
        size = {1: 4, 28: 16}.get(kind)
        packed = [p for each in known or () if len(p := ipaddress.ip_address(each).packed) == size]
        records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(p)) + p for p in packed)
        code = 0x8180 if known is not None else 0x8183
        return query[:2] + struct.pack(">HHHHH", code, 1, len(packed), 0, 0) + question + records
