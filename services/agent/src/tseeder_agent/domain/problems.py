"""What may hold a transfer up, in words for the job's owner. No name, hash or secret is ever among them."""

from __future__ import annotations

from collections.abc import Iterable

from tseeder_agent.domain.evidence import TrackerSighting, TrackerState
from tseeder_agent.domain.transfer import Problem

RESTARTING = Problem("agent_restarting", "The agent is being restarted; another one goes on from what is stored.")
DRAINING = Problem(
    "agent_draining", "The agent is being taken out of service; another one goes on from what is stored."
)
PARKED = Problem("paused", "Everybody who wants this torrent has paused it.")
DISK_FULL = Problem("agent_disk_full", "The agent's scratch disk is full; the transfer goes on elsewhere.")
DISK_FAILED = Problem("agent_disk_failed", "The agent's scratch disk failed; the transfer goes on elsewhere.")
TOO_LARGE_FOR_AGENT = Problem("agent_disk_too_small", "The torrent does not fit onto this agent's scratch disk.")
STAGING_CORRUPT = Problem("agent_staging_corrupt", "What the agent staged did not match the torrent's own hashes.")
AGENT_FAILED = Problem("agent_error", "The agent failed in an unexpected way; the transfer is tried again.")
HASH_IN_USE = Problem("agent_runs_it_already", "The agent runs the same torrent already; another one takes over.")
OTHER_BUCKET = Problem("agent_bucket_differs", "The agent is set to another bucket than jobs.")
METADATA_TIMEOUT = Problem("metadata_timeout", "No peer told what this magnet is in time.")
NO_PEERS = Problem("no_peers", "No peers were found so far.")
NOBODY_HAS_IT_ALL = Problem("pieces_unavailable", "Some pieces that are needed are nobody's who is connected.")
STALLED = Problem("stalled", "The peers that are connected send nothing.")
TRACKERS_REFUSE = Problem("trackers_refuse", "No peers were found: the trackers refuse this torrent.")
TRACKERS_UNREACHABLE = Problem("trackers_unreachable", "No peers were found: no tracker can be reached.")
PEERS_CORRUPT = Problem("peers_corrupt", "The only peers that were found send wrong data, and are not listened to.")


def swarm_problem(*, peers: int, missing: int, corrupt: bool, trackers: Iterable[TrackerSighting]) -> Problem:
    """Why nothing comes. `missing`: needed pieces that nobody has; `corrupt`: since the last right piece some were
    wrong, and who sent them was banned."""
    if corrupt:
        return PEERS_CORRUPT
    if peers:
        return NOBODY_HAS_IT_ALL if missing else STALLED
    states = {tracker.state for tracker in trackers}
    if TrackerState.REFUSES in states and states <= {TrackerState.REFUSES, TrackerState.UNREACHABLE}:
        return TRACKERS_REFUSE
    return TRACKERS_UNREACHABLE if states == {TrackerState.UNREACHABLE} else NO_PEERS


class Problems:
    """What holds one transfer up now, by source; the most telling source is shown."""

    ORDER = ("storage", "disk", "jobs", "swarm")

    def __init__(self) -> None:
        self._by_source: dict[str, Problem] = {}

    def raise_(self, source: str, problem: Problem) -> bool:
        """Note a problem; whether anything changed by it."""
        if self._by_source.get(source) == problem:
            return False
        self._by_source[source] = problem
        return True

    def clear(self, source: str) -> bool:
        """This source works again; whether anything changed by it."""
        return self._by_source.pop(source, None) is not None

    @property
    def shown(self) -> Problem | None:
        """The one to show; None if nothing holds it up."""
        return next((self._by_source[source] for source in self.ORDER if source in self._by_source), None)
