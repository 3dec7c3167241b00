"""The gateway's settings: `TSEEDER_GATEWAY_<FIELD>`, or `TSEEDER_<FIELD>` for what services share."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator

from tseeder_gateway.domain.forwarded import Network, is_allowed_host
from tseeder_kit import settings as kit
from tseeder_kit.settings import Field, NatsUrl, SecretStr, Target

_MIB: Final = 1024 * 1024
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.:\[\]_-]+")


def _exact_origin(text: str) -> str:
    parts = urlsplit(text)
    name = parts.hostname or ""
    is_exact = _ORIGIN.fullmatch(text) is not None and is_allowed_host(parts.netloc, {name, f"[{name}]"})
    if not is_exact or parts.port == _DEFAULT_PORTS[parts.scheme]:
        raise ValueError(
            "an origin is scheme://host[:port] as browsers write it: lower case, no default port; * is none"
        )
    return text


def _host(text: str) -> str:
    if not is_allowed_host(text, {text}):
        raise ValueError("a host is a name or an address (IPv6 in brackets) in lower case, without a port; * is none")
    return text


def _network(text: str) -> str:
    ipaddress.ip_network(text)
    return text


Origin = Annotated[str, AfterValidator(_exact_origin)]
Host = Annotated[str, AfterValidator(_host)]
NetworkText = Annotated[str, AfterValidator(_network)]


class Settings(kit.Settings):
    """Read once, at the start. Durations are seconds, sizes bytes."""

    http_port: int = Field(0, ge=0, le=65535, description="port of the public REST API; 0 takes a free one")
    auth_target: Target = Field(description="host:port of auth's gRPC server")
    jobs_target: Target = Field(description="host:port of jobs' gRPC server")
    billing_target: Target = Field(description="host:port of billing's gRPC server")
    admin_target: Target = Field(description="host:port of admin's gRPC server")
    nats_url: NatsUrl = Field(
        SecretStr("nats://127.0.0.1:4222"), description="nats:// URL of the doorbell, for event streams"
    )

    insecure_http: bool = Field(False, description="whether clients come over plain http: cookies lose Secure")
    public_url: Origin | None = Field(
        None, description="the origin that browsers call the API by; none: as each request names it"
    )
    cors_origins: tuple[Origin, ...] = Field((), description="exact origins whose pages may call the API")
    allowed_hosts: tuple[Host, ...] = Field((), description="hosts that the gateway answers to; none: any")
    trusted_proxies: tuple[NetworkText, ...] = Field(
        (), description="networks whose X-Forwarded-For and X-Forwarded-Proto are believed"
    )

    call_seconds: float = Field(10.0, gt=0, description="deadline of a call to another service")
    submit_seconds: float = Field(30.0, gt=0, description="deadline of a submit, which parses a torrent")
    provider_seconds: float = Field(25.0, gt=0, description="deadline of a step of a sign-in through a provider")
    identity_cache_seconds: float = Field(5.0, ge=0, le=5, description="how long an exchanged identity is kept")

    max_json_bytes: int = Field(_MIB, ge=1024, description="largest JSON body")
    max_upload_bytes: int = Field(11 * _MIB, ge=1024, description="largest multipart body: a .torrent and its fields")
    head_seconds: float = Field(20.0, gt=0, description="how long a request's head may take to come in")
    body_seconds: float = Field(60.0, gt=0, description="how long a request's body may take to come in")
    rate_per_second: float = Field(200.0, gt=0, description="requests a second of one caller, in the long run")
    rate_burst: int = Field(1000, ge=1, description="requests of one caller at once")
    anonymous_rate_per_second: float = Field(5.0, gt=0, description="the same for one address that is not signed in")
    anonymous_rate_burst: int = Field(100, ge=1, description="the same for one address that is not signed in")

    body_memory_bytes: int = Field(256 * _MIB, ge=_MIB, description="bytes of bodies over 64 KiB held at once, in all")
    body_memory_bytes_per_caller: int = Field(
        64 * _MIB, ge=_MIB, description="the same for one user, and for all together who are not signed in"
    )
    max_connections: int = Field(10_000, ge=1, description="connections that stand at once, in all")
    max_connections_per_address: int = Field(
        1000, ge=1, description="the same for one address (IPv6: one /64) that is not a trusted proxy's"
    )

    events_reread_seconds: float = Field(15.0, gt=0, description="event streams look at the job this often anyhow")
    events_recheck_seconds: float = Field(
        2.0, gt=0, description="event streams ask this often whether their reader may still read"
    )
    events_ping_seconds: float = Field(15.0, gt=0, description="event streams send a comment this often")
    events_gap_seconds: float = Field(
        0.2, ge=0, description="an event stream reads its job at most this often, but for a few reads at once"
    )
    events_blind_seconds: float = Field(60.0, gt=0, description="a stream ends if its right is unknown for so long")
    events_per_user: int = Field(64, ge=1, description="event streams of one user at once")

    trace_sample_ratio: float = Field(1.0, ge=0, le=1, description="share of requests that are traced, if any are")
    trust_traceparent: bool = Field(
        False, description="whether a client's traceparent is gone on with, and decides whether it is recorded"
    )

    archive_seconds: float = Field(60.0, gt=0, description="deadline of asking what an archive is made of")
    archive_memory_bytes: int = Field(
        256 * _MIB, ge=_MIB, description="bytes that the tables of archives under way take at once, in all"
    )
    archive_memory_bytes_per_caller: int = Field(128 * _MIB, ge=_MIB, description="the same for one user")

    content_origin: Origin | None = Field(
        None,
        description="an origin for files' bytes, with a host name of its own, which this gateway answers on, too, with "
        "nothing else; browsers are sent there, and links are made for it",
    )
    content_redirect: bool = Field(False, description="whether stored files are answered by a redirect to S3")
    content_read_seconds: float = Field(30.0, gt=0, description="how long S3 may be silent in the middle of an object")
    content_wait_seconds: float = Field(
        30.0, gt=0, description="how long a request for what is not stored yet waits for its first bytes"
    )
    content_resume_seconds: float = Field(
        90.0, gt=0, description="how long an answer that has begun waits for its next bytes: an agent may have died"
    )
    stalled_reader_seconds: float = Field(60.0, gt=0, description="a client that reads nothing for so long is dropped")
    shutdown_seconds: float = Field(20.0, ge=0, description="how long running answers may take after SIGTERM")

    @property
    def hosts(self) -> frozenset[str]:
        """`allowed_hosts`, and that of `content_origin`; empty: any."""
        name = urlsplit(self.content_origin).hostname if self.content_origin else None
        return frozenset(self.allowed_hosts) | ({name} if name and self.allowed_hosts else frozenset())

    @property
    def trusted_networks(self) -> tuple[Network, ...]:
        """`trusted_proxies`, parsed."""
        return tuple(ipaddress.ip_network(text) for text in self.trusted_proxies)
