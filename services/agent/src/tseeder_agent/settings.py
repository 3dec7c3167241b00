"""The agent's settings: `TSEEDER_AGENT_<FIELD>`, or `TSEEDER_<FIELD>` for what services share.

How often an agent beats, when it stops by itself and when its lease ends is jobs' to say; it says so at Register.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import ValidationInfo, field_validator

from tseeder_agent.domain.proxy import Proxy, parse_proxy
from tseeder_kit import settings as kit
from tseeder_kit.settings import Field, NatsUrl, SecretStr, Target

MIB = 1024 * 1024
AGENT_ID = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"

_DEVICE = re.compile(r"[A-Za-z0-9._-]{1,15}")  # IFNAMSIZ is 16, with the zero at its end


class Settings(kit.Settings):
    """Read once, at the start. Durations are seconds, sizes bytes."""

    agent_id: str = Field(pattern=AGENT_ID, description="this agent's name, the same over restarts: a-z, 0-9 and -")
    jobs_target: Target = Field(description="host:port of the jobs service's gRPC server")
    nats_url: NatsUrl = Field(SecretStr("nats://127.0.0.1:4222"), description="nats:// URL of the doorbell")
    join_secret: SecretStr = Field(description="the secret that agents register with")

    s3_endpoint: str | None = Field(
        None, pattern=r"^https?://", description="http(s):// URL of the S3 server; needed with S3_ACCESS_KEY"
    )
    s3_bucket: str | None = Field(None, description="the bucket that the key may write to; unset: whichever jobs names")
    s3_region: str = Field("us-east-1", description="the region that requests are signed for")
    s3_access_key: str | None = Field(
        None, description="the access key that may put parts and small objects; unset: jobs presigns every write"
    )
    s3_secret_key: SecretStr = Field(SecretStr(""), description="the secret of S3_ACCESS_KEY; needed with it")
    s3_sign_payload: Literal["auto", "always", "never"] = Field(
        "auto", description="whether signatures cover the bytes; auto: over plain http, not over TLS"
    )
    s3_timeout_seconds: float = Field(60, gt=0, description="how long a write may go without progress")
    s3_slots: int = Field(8, ge=1, le=256, description="writes to object storage at once")
    upload_reach_parts: int = Field(
        0, ge=0, description="how far parts may go up ahead of their file's first missing one; 0: any distance"
    )

    scratch_dir: Path = Field(description="a folder of this agent's own for what is being fetched")
    scratch_bytes: int = Field(0, ge=0, description="how much of its disk may be used; 0: all that is free")
    leftover_seconds: float = Field(
        900,
        ge=0,
        description="how long what an earlier boot staged is kept, if its transfer may come back; 0: not at all",
    )
    read_port: int = Field(
        0, ge=0, le=65535, description="port on which the gateway reads what is not stored yet; 0 takes a free one"
    )
    read_address: str | None = Field(None, description="address by which the gateway reaches READ_PORT; unset: HOST")
    read_wait_seconds: float = Field(30, gt=0, description="how long a reader waits for a piece of the swarm")
    readers: int = Field(256, ge=1, description="readers at once, of all transfers")

    transfers: int = Field(4, ge=1, le=1000, description="transfers at once")
    buffer_bytes: int = Field(64 * MIB, ge=8 * MIB, description="memory for parts on their way up, of all transfers")
    reader_threads: int = Field(2, ge=1, le=32, description="threads that read and hash parts")
    window_parts: int = Field(4, ge=1, le=64, description="parts that are fetched before all others, at most")

    swarm_hosts: tuple[str, ...] = Field(("0.0.0.0", "[::]"), description="addresses that peers may connect to")
    swarm_port: int = Field(0, ge=0, le=65535, description="port that peers may connect to; 0 takes a free one")
    admit_loopback: bool = Field(False, description="whether the swarm may reach this machine: embedded stack, tests")
    admitted_networks: tuple[str, ...] = Field((), description="private networks that the swarm may reach after all")
    refused_networks: tuple[str, ...] = Field((), description="further networks that the swarm may not reach")
    dht: bool = Field(True, description="whether peers are looked for in the DHT, too")
    dht_nodes: tuple[str, ...] = Field(
        ("dht.libtorrent.org:25401", "router.bittorrent.com:6881", "dht.transmissionbt.com:6881"),
        description="host:port of nodes by which the DHT is entered; private addresses are left out",
    )
    utp: bool | None = Field(None, description="whether uTP is spoken beside TCP; unset: unless loopback is admitted")
    encryption: Literal["required", "preferred", "off"] = Field(
        "preferred",
        description="whether connections between peers are encrypted; required: no others are made or taken",
    )
    outgoing_interfaces: tuple[str, ...] = Field(
        (), description="network devices that the swarm is reached by, and by no other; while they are away, by none"
    )
    proxy_url: SecretStr | None = Field(
        None,
        description="socks5://, socks5h:// or http:// URL of a proxy that everything of the swarm goes through: no DHT,"
        " no uTP, no UDP trackers; with socks5h and http it resolves names, and must itself refuse private addresses",
    )
    connections: int = Field(400, ge=2, description="peers at once, of all transfers")
    download_rate: int = Field(0, ge=0, description="bytes a second from the swarm, at most; 0: no limit")
    bandwidth: int = Field(
        0, ge=0, description="bytes a second that its link takes: near it, others claim first; 0: unknown"
    )
    upload_rate: int = Field(0, ge=0, description="bytes a second to the swarm, at most; 0: no limit")

    stop_tracker_seconds: int = Field(1, ge=0, description="how long trackers are told of an end; 0: not at all")

    claim_seconds: float = Field(10, gt=0, description="how often work is asked for when no bell rings")
    progress_seconds: float = Field(1, gt=0, description="how often progress is published")
    call_seconds: float = Field(10, gt=0, description="how long one call to jobs may take")
    retry_seconds: float = Field(0.5, gt=0, description="the first pause after a failure that may pass")
    retry_longest_seconds: float = Field(30, gt=0, description="the longest pause after failures that may pass")
    availability_seconds: float = Field(5, gt=0, description="how often it is checked that peers have every piece")
    stall_seconds: float = Field(60, gt=0, description="a transfer that gets nothing for so long says why")
    evidence_seconds: float = Field(
        15, gt=0, description="how often jobs is told what a held-up transfer sees of its swarm; others: every 60 s"
    )
    stuck_seconds: float = Field(30, gt=0, description="peers that give nothing for so long are asked anew")
    hand_over_seconds: float = Field(20, gt=0, description="how long a stopping agent sends what it has")
    disk_full_pause_seconds: float = Field(30, ge=0, description="nobody claims for so long what filled a disk")

    @field_validator("s3_endpoint")
    @classmethod
    def _reachable(cls, value: str | None) -> str | None:
        """A host and a port that can be connected to, and nothing that would be logged with them."""
        if value is None:
            return None
        parts = urlsplit(value)
        if not parts.hostname or "@" in parts.netloc or parts.port == 0:  # reading the port checks it
            raise ValueError("must be http(s)://host[:port], without a user")
        return value

    @field_validator("s3_secret_key")
    @classmethod
    def _whole_key(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        """With an access key, a secret and an endpoint; without one, neither a secret."""
        if info.data.get("s3_access_key") is None:
            if value.get_secret_value():
                raise ValueError("is set without S3_ACCESS_KEY")
        elif not value.get_secret_value() or info.data.get("s3_endpoint") is None:
            raise ValueError("S3_ACCESS_KEY needs S3_SECRET_KEY and S3_ENDPOINT")
        return value

    @field_validator("dht_nodes")
    @classmethod
    def _nodes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            host, _, port = text.rpartition(":")
            if not host or not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
                raise ValueError("must be host:port")
        return value

    @field_validator("outgoing_interfaces")
    @classmethod
    def _devices(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_DEVICE.fullmatch(name) and not _is_address(name) for name in value):
            raise ValueError("must be names of network devices, such as wg0")
        return value

    @field_validator("proxy_url")
    @classmethod
    def _proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_proxy(value.get_secret_value())
        return value

    @property
    def proxy(self) -> Proxy | None:
        """PROXY_URL in its parts."""
        return None if self.proxy_url is None else parse_proxy(self.proxy_url.get_secret_value())

    @field_validator("admitted_networks", "refused_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ipaddress.ip_network(text)
            except ValueError:
                raise ValueError("must be networks such as 10.0.0.0/8") from None
        return value


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
