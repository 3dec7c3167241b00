"""What the one libtorrent session of an agent is told. The figures behind the choices: docs/decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import libtorrent as lt

from tseeder_agent.domain.addresses import LOOPBACK, Fence, filter_rules
from tseeder_agent.domain.proxy import HTTP, Proxy

ALERT_QUEUE = 200_000
"""Alerts kept while the event loop is busy; 65,536 pieces may finish in one go."""
MAX_METADATA_BYTES = 10_000_000
MAX_PIECES = 200_000
MAX_QUEUED_DISK_BYTES = 24 * 1024 * 1024
MAX_TOKENS = 1_000_000
MAX_DEPTH = 32
DHT_NODES = ("dht.libtorrent.org:25401", "router.bittorrent.com:6881", "dht.transmissionbt.com:6881")
_BLOCKED = 1

Encryption = Literal["required", "preferred", "off"]


@dataclass(frozen=True, slots=True)
class SwarmSettings:
    """`admit_loopback` lets the swarm reach this machine (embedded stack, tests); rates in bytes a second, 0: none.

    `dht_nodes` (`host:port`) are where the DHT is entered. `interfaces` are devices: nothing leaves by another one, nor
    comes in, and `listen_interfaces` gives the port only. With a `proxy` TCP goes through it, and there is no UDP.
    """

    listen_interfaces: str = "0.0.0.0:6881,[::]:6881"
    admit_loopback: bool = False
    admitted_networks: tuple[str, ...] = ()
    refused_networks: tuple[str, ...] = ()
    dht: bool = True
    dht_nodes: tuple[str, ...] = DHT_NODES
    utp: bool = True
    encryption: Encryption = "preferred"
    interfaces: tuple[str, ...] = ()
    proxy: Proxy | None = None
    connections: int = 400
    download_rate: int = 0
    upload_rate: int = 0
    stop_tracker_seconds: int = 1
    flush_seconds: float = 5.0
    layers_seconds: float = 1.0
    stats_seconds: float = 1.0

    @property
    def admitted(self) -> tuple[str, ...]:
        """The networks that are let through although they are not public."""
        return (*(LOOPBACK if self.admit_loopback else ()), *self.admitted_networks)

    @property
    def udp(self) -> bool:
        """Whether UDP may be spoken at all (DHT, uTP, UDP trackers): no proxy of ours carries it."""
        return self.proxy is None

    @property
    def fence(self) -> Fence:
        """Which trackers and web seeds are taken."""
        return Fence(udp=self.udp, by_name=self.proxy is not None and self.proxy.resolves and not self.admitted)

    @property
    def honours_peers(self) -> bool:
        """Whether peers that a magnet names are taken: only where the operator opened private networks."""
        return bool(self.admitted)


def session_params(settings: SwarmSettings, proxy_addresses: Sequence[str] = ()) -> lt.session_params:
    """The session's settings and its IP filter, which covers peers, trackers, web seeds and their redirects.

    `proxy_addresses` are let through: libtorrent holds an HTTP proxy itself against the filter.
    """
    params = lt.session_params(_pack(settings))
    rules = lt.ip_filter()
    for rule in filter_rules(admitted=(*settings.admitted, *proxy_addresses), refused=settings.refused_networks):
        rules.add_rule(rule.first, rule.last, _BLOCKED if rule.refused else 0)
    params.ip_filter = rules
    return params


def _pack(settings: SwarmSettings) -> lt.settings_pack:
    category = lt.alert_category
    return {
        **_routes(settings),
        **_encryption(settings.encryption),
        "alert_mask": category.piece_progress
        | category.status
        | category.error
        | category.storage
        | category.tracker
        | category.peer,
        "alert_queue_size": ALERT_QUEUE,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        # Later, once its first nodes are known: libtorrent itself would ask those that resolve to private addresses.
        "enable_dht": False,
        "dht_bootstrap_nodes": "",
        "enable_outgoing_utp": settings.udp and settings.utp,
        "enable_incoming_utp": settings.udp and settings.utp,
        "allow_idna": False,
        "ssrf_mitigation": True,
        "apply_ip_filter_to_trackers": True,
        "apply_filter_to_dht": True,  # type: ignore[typeddict-unknown-key] # the stubs lack it, the library has it
        "validate_https_trackers": True,
        # A transfer has the trackers of all its jobs: by default one that answers and knows nobody keeps all those
        # behind it from being asked, and a dead one keeps them waiting.
        "announce_to_all_tiers": True,
        "announce_to_all_trackers": True,  # without it the other one does nothing here (libtorrent 2.1.1)
        "webtorrent_stun_server": "",
        # Peers on one address differ by port only where private networks are let in.
        "allow_multiple_connections_per_ip": bool(settings.admitted),
        "close_redundant_connections": False,
        "min_reconnect_time": 5,
        "stop_tracker_timeout": settings.stop_tracker_seconds,
        "connections_limit": settings.connections,
        "download_rate_limit": settings.download_rate,
        "upload_rate_limit": settings.upload_rate,
        # A quarter of the library's own: what waits for the disk is memory.
        "max_queued_disk_bytes": MAX_QUEUED_DISK_BYTES,
        "max_metadata_size": MAX_METADATA_BYTES,
        "max_piece_count": MAX_PIECES,
        "metadata_token_limit": MAX_TOKENS,
    }


def _routes(settings: SwarmSettings) -> lt.settings_pack:
    """Where it listens, and which way everything goes out."""
    pack: lt.settings_pack = {
        "listen_interfaces": settings.listen_interfaces,
        "outgoing_interfaces": ",".join(settings.interfaces),
    }
    if settings.proxy is not None:
        pack.update(_proxied(settings.proxy))
    return pack


def _proxied(proxy: Proxy) -> lt.settings_pack:
    """libtorrent's own rule: with a proxy nothing falls back to a direct connection."""
    kinds = lt.proxy_type_t
    if proxy.scheme == HTTP:
        kind = kinds.http_pw if proxy.username else kinds.http
    else:
        kind = kinds.socks5_pw if proxy.username else kinds.socks5
    return {
        "proxy_type": int(kind),
        "proxy_hostname": proxy.host,
        "proxy_port": proxy.port,
        "proxy_username": proxy.username,
        "proxy_password": proxy.password,
        "proxy_hostnames": proxy.resolves,
        "proxy_peer_connections": True,
        "proxy_tracker_connections": True,
        "proxy_send_host_in_connect": False,
    }


def _encryption(wanted: Encryption) -> lt.settings_pack:
    """`required` encrypts everything, not just the handshake; `preferred` takes what the peer offers."""
    policy, level = {
        "required": (lt.enc_policy.pe_forced, lt.enc_level.pe_rc4),
        "preferred": (lt.enc_policy.pe_enabled, lt.enc_level.pe_both),
        "off": (lt.enc_policy.pe_disabled, lt.enc_level.pe_plaintext),
    }[wanted]
    return {"in_enc_policy": int(policy), "out_enc_policy": int(policy), "allowed_enc_level": int(level)}
