"""Why a job is where it is: what is known goes in, a verdict with a sentence comes out. Pure, and told by tables.

docs/reference/verdicts.md is made from VERDICTS; the gateway's list of codes is tested equal to Verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.domain.states import TRANSFER_RUNNING, JobState, TransferState


class Verdict(StrEnum):
    """Stable codes; more may come."""

    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    PAUSED = "paused"
    FAILED = "failed"
    MOVING = "moving"

    NO_PEERS = "no_peers"
    TRACKERS_REFUSE = "trackers_refuse"
    TRACKERS_UNREACHABLE = "trackers_unreachable"
    METADATA_NOT_FOUND = "metadata_not_found"
    PEERS_CORRUPT = "peers_corrupt"
    PIECES_UNAVAILABLE = "pieces_unavailable"
    STALLED = "stalled"
    TORRENT_UNUSABLE = "torrent_unusable"
    TORRENT_BLOCKED = "torrent_blocked"

    STORAGE_REFUSED = "storage_refused"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    QUOTA_EXCEEDED = "quota_exceeded"
    SELECTION_WRONG = "selection_wrong"

    AGENT_DISK = "agent_disk"
    AGENT_TROUBLE = "agent_trouble"
    HELD_UP = "held_up"

    NO_AGENTS = "no_agents"
    AGENTS_CLOSED = "agents_closed"
    AGENTS_FULL = "agents_full"
    AGENTS_LACK_DISK = "agents_lack_disk"
    TOO_LARGE = "too_large"
    RUNNING_LIMIT = "running_limit"
    BACKING_OFF = "backing_off"
    OWN_TRANSFERS_FIRST = "own_transfers_first"
    WAITING_TURN = "waiting_turn"


@dataclass(frozen=True, slots=True)
class Words:
    """What a verdict says to the job's owner, and what he can do ("": nothing)."""

    message: str
    advice: str = ""


_TRACKER: Final = "Add a tracker that works, by the same torrent or magnet with that tracker in it."
_LESS: Final = "Select less, or smaller files."

VERDICTS: Final[Mapping[Verdict, Words]] = {
    Verdict.COMPLETED: Words("All that was selected is stored."),
    Verdict.EXPIRED: Words("It was completed, and its files were given up when their time was over."),
    Verdict.CANCELLED: Words("It was cancelled.", "Retry it if you want it after all."),
    Verdict.PAUSED: Words("You paused it.", "Resume it."),
    Verdict.FAILED: Words("It failed.", "Retry it."),
    Verdict.MOVING: Words("It is being fetched, and nothing holds it up."),
    Verdict.NO_PEERS: Words("Nobody who has it was found so far.", _TRACKER),
    Verdict.TRACKERS_REFUSE: Words(
        "Its trackers refuse it, and nobody else knows of peers.",
        "See what the trackers say: a passkey may be wrong, or the torrent not registered. Else add another tracker.",
    ),
    Verdict.TRACKERS_UNREACHABLE: Words(
        "None of its trackers can be reached, and nobody else knows of peers.",
        _TRACKER,
    ),
    Verdict.METADATA_NOT_FOUND: Words(
        "Nobody told in time what this magnet is: its names and sizes are not known.",
        "Submit the .torrent file instead, or a magnet with more trackers.",
    ),
    Verdict.PEERS_CORRUPT: Words(
        "The only peers that were found send wrong data; they are banned.",
        _TRACKER,
    ),
    Verdict.PIECES_UNAVAILABLE: Words(
        "Some of what is selected is nobody's who is connected.",
        "Select other files, or wait for somebody who has all of it.",
    ),
    Verdict.STALLED: Words("Peers are connected, and send nothing."),
    Verdict.TORRENT_UNUSABLE: Words("The torrent itself is broken, or more than is taken."),
    Verdict.TORRENT_BLOCKED: Words("This torrent was taken down, and is not fetched."),
    Verdict.STORAGE_REFUSED: Words("The object storage refuses what is sent; the operator has to mend that."),
    Verdict.STORAGE_UNAVAILABLE: Words("The object storage cannot be reached now; it goes on by itself."),
    Verdict.QUOTA_EXCEEDED: Words(
        "It does not fit into your plan's storage.",
        "Select less, delete what you do not need, or upgrade your plan; then retry it.",
    ),
    Verdict.SELECTION_WRONG: Words("What was selected is not in the torrent.", "Select other files."),
    Verdict.AGENT_DISK: Words("The disk of the agent that fetched it was full or failed; another one goes on."),
    Verdict.AGENT_TROUBLE: Words("The agent that fetched it had trouble; it is tried again."),
    Verdict.HELD_UP: Words("Something holds it up."),
    Verdict.NO_AGENTS: Words("No agent is there to fetch it."),
    Verdict.AGENTS_CLOSED: Words("No agent takes new transfers now: the operator keeps them from it."),
    Verdict.AGENTS_FULL: Words("All agents are busy; it waits for a free place."),
    Verdict.AGENTS_LACK_DISK: Words("No agent has enough free disk for it now.", _LESS),
    Verdict.TOO_LARGE: Words("No agent's disk is large enough for it.", _LESS),
    Verdict.RUNNING_LIMIT: Words(
        "As many of your transfers run as your plan allows at once.",
        "Wait for one to end, pause one, or upgrade your plan.",
    ),
    Verdict.BACKING_OFF: Words("It waits for a while before it is tried again."),
    Verdict.OWN_TRANSFERS_FIRST: Words(
        "Others of your own transfers go first.",
        "Pause one of them, or give this job a higher priority.",
    ),
    Verdict.WAITING_TURN: Words("It waits for its turn."),
}

BY_REASON: Final[Mapping[str, Verdict]] = {
    "no_peers": Verdict.NO_PEERS,
    "trackers_refuse": Verdict.TRACKERS_REFUSE,
    "trackers_unreachable": Verdict.TRACKERS_UNREACHABLE,
    "metadata_timeout": Verdict.METADATA_NOT_FOUND,
    "peers_corrupt": Verdict.PEERS_CORRUPT,
    "pieces_unavailable": Verdict.PIECES_UNAVAILABLE,
    "stalled": Verdict.STALLED,
    "metadata_unusable": Verdict.TORRENT_UNUSABLE,
    "torrent_unusable": Verdict.TORRENT_UNUSABLE,
    "layout_differs": Verdict.TORRENT_UNUSABLE,
    "torrent_blocked": Verdict.TORRENT_BLOCKED,
    "storage_refused": Verdict.STORAGE_REFUSED,
    "storage_unavailable": Verdict.STORAGE_UNAVAILABLE,
    "upload_gone": Verdict.STORAGE_UNAVAILABLE,
    "storage_quota_exceeded": Verdict.QUOTA_EXCEEDED,
    "selection_out_of_range": Verdict.SELECTION_WRONG,
    "agent_disk_full": Verdict.AGENT_DISK,
    "agent_disk_failed": Verdict.AGENT_DISK,
    "agent_disk_too_small": Verdict.AGENT_DISK,
    "agent_staging_corrupt": Verdict.AGENT_DISK,
    "agent_error": Verdict.AGENT_TROUBLE,
    "agent_runs_it_already": Verdict.AGENT_TROUBLE,
    "agent_bucket_differs": Verdict.AGENT_TROUBLE,
    "swarm_error": Verdict.AGENT_TROUBLE,
    "too_large_for_agents": Verdict.TOO_LARGE,
}
"""What a transfer's or a job's reason amounts to. Codes that are not here keep their own words: HELD_UP, FAILED."""

_NOT_WHILE_QUEUED: Final = frozenset({Verdict.AGENT_TROUBLE})
"""Reasons of the last attempt that say nothing of the next one."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Around a transfer that waits. `own_*` are of the job's owner; `payer_*` of who is charged, if that is another."""

    own_ahead: int = 0
    own_running: int = 0
    running_limit: int = 0
    is_payer: bool = True
    agents_alive: int = 0
    agents_open: int = 0  # of them, neither cordoned nor draining
    agents_taking: int = 0  # of these, with a free slot
    agents_roomy: int = 0  # of these, with the disk
    disk_needed_bytes: int = 0
    largest_agent_disk_bytes: int = 0
    agent_last_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TransferFacts:
    """The run that the job waits on, or last waited on."""

    state: TransferState
    reason: Reason | None
    reason_at: datetime
    waits_since: datetime
    runs_since: datetime | None  # its present lease
    not_before: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a verdict is drawn from; `now` is the database's clock."""

    now: datetime
    state: JobState
    reason: Reason | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    transfer: TransferFacts | None = None
    queue: Queue | None = None


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A verdict in words, since when, and when it is tried again by itself (None: not by a clock)."""

    verdict: Verdict
    message: str
    advice: str
    since: datetime
    retry_at: datetime | None = None


def diagnose(facts: Facts) -> Diagnosed:
    """The one thing to say about a job. It may share a transfer that waited before it was submitted: it did not."""
    said = _judge(facts)
    return replace(said, since=max(said.since, facts.created_at))


def _judge(facts: Facts) -> Diagnosed:
    rule = _ENDED.get(facts.state)
    if rule is not None:
        return rule(facts)
    transfer = facts.transfer
    if transfer is None:
        return _said(Verdict.MOVING, facts.updated_at)
    if transfer.state in TRANSFER_RUNNING:
        return _running(facts, transfer)
    if transfer.state is TransferState.QUEUED:
        return _queued(facts, transfer, facts.queue or Queue())
    # It ended, or is parked, and the job is about to follow: within a sweep, mostly at once.
    return _said(Verdict.MOVING, facts.updated_at)


def _failed(facts: Facts) -> Diagnosed:
    """The cause, in the words that were noted."""
    verdict = BY_REASON.get(facts.reason.code, Verdict.FAILED) if facts.reason else Verdict.FAILED
    advice = VERDICTS[verdict].advice or ("" if verdict in _HOPELESS else VERDICTS[Verdict.FAILED].advice)
    return Diagnosed(verdict, _noted(facts, verdict), advice, _ended_at(facts))


_HOPELESS: Final = frozenset({Verdict.TORRENT_UNUSABLE, Verdict.TORRENT_BLOCKED})


def _cancelled(facts: Facts) -> Diagnosed:
    """By its owner, or by an operator, who says why."""
    words = VERDICTS[Verdict.CANCELLED]
    return Diagnosed(Verdict.CANCELLED, _noted(facts, Verdict.CANCELLED), words.advice, _ended_at(facts))


def _noted(facts: Facts, verdict: Verdict) -> str:
    return (facts.reason.message if facts.reason else "") or VERDICTS[verdict].message


def _ended(verdict: Verdict) -> Callable[[Facts], Diagnosed]:
    return lambda facts: _said(verdict, _ended_at(facts))


def _ended_at(facts: Facts) -> datetime:
    return facts.finished_at or facts.updated_at


_ENDED: Final[Mapping[JobState, Callable[[Facts], Diagnosed]]] = {
    JobState.COMPLETED: _ended(Verdict.COMPLETED),
    JobState.EXPIRED: _ended(Verdict.EXPIRED),
    JobState.CANCELLED: _cancelled,
    JobState.FAILED: _failed,
    JobState.PAUSED: lambda facts: _said(Verdict.PAUSED, facts.updated_at),
}


def _running(facts: Facts, transfer: TransferFacts) -> Diagnosed:
    reason = transfer.reason
    if reason is None:
        return _said(Verdict.MOVING, transfer.runs_since or facts.updated_at, _MOVES[transfer.state])
    verdict = BY_REASON.get(reason.code, Verdict.HELD_UP)
    if verdict is Verdict.HELD_UP:
        return _said(verdict, transfer.reason_at, reason.message)
    return _said(verdict, transfer.reason_at)


_MOVES: Final = {
    TransferState.RESOLVING: "An agent is asking peers what this magnet is.",
    TransferState.DOWNLOADING: VERDICTS[Verdict.MOVING].message,
    TransferState.STORING: "All of it is fetched, and the rest of it is on its way into the object storage.",
}


def _queued(facts: Facts, transfer: TransferFacts, queue: Queue) -> Diagnosed:
    if transfer.not_before > facts.now:
        return _backing_off(transfer)
    verdict = next(verdict for verdict, holds in _QUEUE_RULES if holds(queue))
    since = transfer.waits_since
    if verdict is Verdict.NO_AGENTS and queue.agent_last_seen_at is not None:
        since = max(since, queue.agent_last_seen_at)
    return _said(verdict, since)


def _backing_off(transfer: TransferFacts) -> Diagnosed:
    """The last attempt's end is the cause, where it says something of the torrent or of the storage."""
    reason = transfer.reason
    verdict = BY_REASON.get(reason.code) if reason else None
    if verdict is None or verdict in _NOT_WHILE_QUEUED:
        message = VERDICTS[Verdict.BACKING_OFF].message
        if reason is not None and reason.message:
            message = f"{message} Last time: {reason.message}"
        return Diagnosed(Verdict.BACKING_OFF, message, "", transfer.waits_since, transfer.not_before)
    words = VERDICTS[verdict]
    return Diagnosed(verdict, words.message, words.advice, transfer.reason_at, transfer.not_before)


_QUEUE_RULES: Final[tuple[tuple[Verdict, Callable[[Queue], bool]], ...]] = (
    (Verdict.NO_AGENTS, lambda queue: queue.agents_alive == 0),
    (Verdict.AGENTS_CLOSED, lambda queue: queue.agents_open == 0),
    (Verdict.RUNNING_LIMIT, lambda queue: queue.is_payer and queue.own_running >= queue.running_limit),
    (Verdict.TOO_LARGE, lambda queue: queue.disk_needed_bytes > queue.largest_agent_disk_bytes),
    (Verdict.AGENTS_FULL, lambda queue: queue.agents_taking == 0),
    (Verdict.AGENTS_LACK_DISK, lambda queue: queue.agents_roomy == 0),
    (Verdict.OWN_TRANSFERS_FIRST, lambda queue: queue.is_payer and queue.own_ahead > 0),
    (Verdict.WAITING_TURN, lambda _: True),
)
"""What keeps a transfer that could be had from being claimed: the first that holds."""


def _said(verdict: Verdict, since: datetime, message: str = "") -> Diagnosed:
    words = VERDICTS[verdict]
    return Diagnosed(verdict, message or words.message, words.advice, since)
