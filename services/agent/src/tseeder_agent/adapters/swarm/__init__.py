"""libtorrent, as the rest of the agent sees it: nothing outside this package imports the binding."""

from tseeder_agent.adapters.swarm.session import Swarm, open_swarm
from tseeder_agent.adapters.swarm.settings import SwarmSettings
from tseeder_agent.adapters.swarm.torrent import Changes, DiskFailure, Torrent, TorrentStats
from tseeder_agent.adapters.swarm.wishes import Metadata, MetadataWish, TorrentWish

__all__ = [
    "Changes",
    "DiskFailure",
    "Metadata",
    "MetadataWish",
    "Swarm",
    "SwarmSettings",
    "Torrent",
    "TorrentStats",
    "TorrentWish",
    "open_swarm",
]
