"""Torrents that lead to every host by every way; where hosts are tried in order, the public one is the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.integration.agent.safety.answers import LED_TO, redirects
from tests.integration.agent.safety.places import FRONT, OTHER_PUBLIC, PUBLIC, REBINDING, TLS_FRONT, Way, hosts

_SEEDS = 3
"""libtorrent tries so many web seeds of a torrent at a time, in any order, and one that its filter holds back keeps its
place for good."""


def everything() -> dict[str, Any]:
    """What a prober is told, but for settings."""
    return {"torrents": [*_trackers(), *_web_seeds(), *_peers()], "magnets": [_magnet()]}


def each_way() -> list[dict[str, Any]]:
    """The same for several probers; each of them a session of its own, so that none waits for the others'
    connections: libtorrent opens some at a time, and most of these lead nowhere. The first one takes late trackers."""
    peers = [{"torrents": [each]} for each in _peers()]
    # A session asks for one name after the other; some of these names are answered late.
    seeds = [{"torrents": _web_seeds()[at::4]} for at in range(4)]
    return [{"torrents": _trackers()}, *seeds, *peers, {"magnets": [_magnet()]}]


def _trackers() -> list[dict[str, Any]]:
    named = [*hosts(), "public.example.net", OTHER_PUBLIC]
    leads = range(len(redirects()))
    return [
        _led("http", [f"http://{host}:{Way.HTTP_TRACKER}/announce" for host in named]),
        _led("https", [f"https://{host}:{Way.HTTPS_TRACKER}/announce" for host in named]),
        _led("udp", [f"udp://{host}:{Way.UDP_TRACKER}/announce" for host in named]),
        _led("redirect", [f"http://{PUBLIC}:{FRONT}/to/TRACKER_REDIRECT/{number}" for number in leads]),
        _led("tls", [f"https://{PUBLIC}:{TLS_FRONT}/to/HTTPS_REDIRECT/{number}" for number in leads]),
        # libtorrent keeps answers by the name as it is written, so each spelling is looked up anew.
        *(
            _led(f"rebinding-{number}", [f"http://{name}:{Way.REBINDING}/announce"])
            for number, name in enumerate((REBINDING, REBINDING.upper(), REBINDING.title()))
        ),
        _led("late", []),
    ]


def _led(name: str, trackers: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "trackers": trackers}


def _web_seeds() -> list[dict[str, Any]]:
    """Few for each torrent, so that all are tried; of those that redirect, one for each torrent."""
    plain = [f"http://{host}:{Way.WEB_SEED}/file" for host in hosts()]
    public = f"http://{OTHER_PUBLIC}:{Way.WEB_SEED}/file"
    named = [
        {"name": f"plain-{at}", "web_seeds": [*plain[at : at + _SEEDS - 1], public]}
        for at in range(0, len(plain), _SEEDS - 1)
    ]
    front = f"http://{PUBLIC}:{FRONT}/to/WEB_SEED_REDIRECT"
    led = [{"name": f"led-{number}", "web_seeds": [f"{front}/{number}/"]} for number in range(len(redirects()))]
    return [*named, *led]


def _peers() -> list[dict[str, Any]]:
    front = f"http://{PUBLIC}:{FRONT}/peers"
    return [
        _led("compact", [f"{front}/compact"]),
        _led("listed", [f"{front}/listed"]),
        _led("pex", [f"{front}/{FRONT}"]),
        _led("udp-peers", [f"udp://{PUBLIC}:{FRONT}/announce"]),
        {"name": "known", "known_peers": [(host, int(Way.KNOWN_PEER)) for host in LED_TO]},
    ]


def _magnet() -> dict[str, Any]:
    named = [f"[{host}]" if ":" in host else host for host in LED_TO]
    return {"name": "magnet", "peers": [f"{host}:{Way.MAGNET_PEER}" for host in named]}
