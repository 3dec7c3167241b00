"""One transfer while this agent holds its lease: what is known, what was asked of it, who has to look again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from tseeder_agent.adapters.scratch_reader import Staged
from tseeder_agent.adapters.swarm import Torrent
from tseeder_agent.domain.ledger import Ledger
from tseeder_agent.domain.parts import PartKey
from tseeder_agent.domain.problems import Problems
from tseeder_agent.domain.progress import Meter
from tseeder_agent.domain.read_windows import ReadWindows
from tseeder_agent.domain.standstill import LONGEST_PAUSE_SECONDS
from tseeder_agent.domain.tenure import Tenure
from tseeder_agent.domain.transfer import Description, LeaseId, Problem, Stage
from tseeder_agent.domain.writes import Result
from tseeder_agent.usecases.run_spans import RunSpans
from tseeder_kit.clock import boottime
from tseeder_kit.trace_context import TraceContext


class LeaseLost(Exception):  # noqa: N818 - it says what happened
    """The lease is gone: stop at once, tell nobody, drop what is staged."""


class LeaseLapsed(Exception):  # noqa: N818 - it says what happened
    """Jobs was not heard from for too long: stop writing, keep what is staged, and wait for a renewal."""


class GiveBack(Exception):  # noqa: N818 - it says what to do
    """Give the lease back now, because of `hand_over`."""

    def __init__(self, hand_over: HandOver) -> None:
        super().__init__(hand_over.problem.code)
        self.hand_over = hand_over


class BeginAgain(Exception):  # noqa: N818 - it says what to do
    """Take the torrent out of the session and add it anew, with the pieces that it has."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """Why a lease goes back before its transfer is done. `wanted_version` not 0: only if the wish is still that.
    `unless_stored`: no attempt is spent if something went to S3 in it."""

    problem: Problem
    wanted_version: int = 0
    not_before_seconds: float = 0.0
    spends_attempt: bool = False
    unless_stored: bool = False


class ReAim(Protocol):
    """`anew`: libtorrent was given other priorities, and forgot the order."""

    def __call__(self, *, anew: bool = False) -> None: ...


@dataclass(slots=True)
class Run:
    """Kept on the event loop. Each event wakes one loop, which looks at the whole again."""

    lease: LeaseId
    tenure: Tenure
    disk_reserved: int = 0
    trace: TraceContext | None = None  # of the call that made the transfer
    spans: RunSpans = field(default_factory=RunSpans)
    stage: Stage = Stage.DOWNLOADING
    description: Description | None = None
    ledger: Ledger | None = None
    torrent: Torrent | None = None
    staged: Staged | None = None
    quiet_since: float | None = None  # nothing useful came since, over all torrents that the session had for it
    adopted_bytes: int = 0  # what an earlier boot had staged, before it was verified
    known_peers: tuple[tuple[str, int], ...] = ()
    banned: tuple[tuple[str, int], ...] = ()
    problems: Problems = field(default_factory=Problems)
    received: Meter = field(default_factory=Meter)
    sent: Meter = field(default_factory=Meter)
    wasted: Meter = field(default_factory=Meter)
    rates: tuple[int, int] = (0, 0)  # from the swarm and to S3, as last shown
    missing_pieces: int = 0  # needed, and nobody's who is connected
    hashes_missing: bool = False  # a part is here that nobody told the hashes of
    last_failure: float = 0.0  # when a piece was wrong last, in torrents that were taken out
    last_arrival: float = field(default_factory=boottime)
    hand_over: HandOver | None = None
    wanted_version: int = 0
    newest_version: int = 0
    to_restage: bool = False  # its torrent has to be taken out of the session first
    begun_again: int = 0
    may_begin_again_at: float = 0.0
    parts_stored: int = 0  # under this lease: in S3, and jobs knows
    unconfirmed: dict[PartKey, Result] = field(default_factory=dict)  # in S3, and jobs has not been told
    refusals: int = 0  # parts whose bytes on disk stayed wrong
    readers: ReadWindows | None = None  # once its metadata is known
    re_aim: ReAim | None = None  # while it is fetched: what is needed first is something else now
    arrived: asyncio.Event = field(default_factory=asyncio.Event)  # a new one after each arrival
    over: bool = False  # its end has begun: nothing is read any more
    parts_ready: asyncio.Event = field(default_factory=asyncio.Event)
    entries_whole: asyncio.Event = field(default_factory=asyncio.Event)
    look_again: asyncio.Event = field(default_factory=asyncio.Event)
    telling: asyncio.Lock = field(default_factory=asyncio.Lock)  # jobs, where it stands: one after the other
    to_report: asyncio.Event = field(default_factory=asyncio.Event)
    renewed: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def storage_refuses(self) -> bool:
        """Whether S3 says no to what is sent, as it would later."""
        shown = self.problems.shown
        return shown is not None and shown.code == "storage_refused"

    def spends(self, hand_over: HandOver) -> bool:
        """Whether this attempt counts, if it ends so. What was fetched and not stored is lost with it: a transfer that
        fetches the same pieces each time, and never a whole part, gets nowhere."""
        return hand_over.spends_attempt and not (hand_over.unless_stored and self.parts_stored)

    @property
    def staged_bytes(self) -> int:
        """How much of it is on the scratch disk at least: what an earlier boot left counts until it is verified."""
        return max(self.adopted_bytes, self.ledger.here_bytes if self.ledger else 0)

    @property
    def disk_to_come(self) -> int:
        """How much of what it reserved it may still write."""
        return max(0, self.disk_reserved - (self.ledger.here_bytes if self.ledger else 0))

    # --- told by the heartbeat

    def renew(self, sent_at: float) -> None:
        """A heartbeat that was sent at `sent_at` renewed the lease."""
        self.tenure.renewed(sent_at)
        self.renewed.set()

    def lose(self) -> None:
        """The lease is somebody else's, or nobody's."""
        self.lost.set()

    def want(self, version: int) -> None:
        """The wish has this version by now."""
        self.newest_version = max(self.newest_version, version)
        self.look_again.set()

    def ask_back(self, hand_over: HandOver) -> None:
        """Send what is whole, then give the lease back. The first reason stands, but before one that depends on the
        wish goes one that does not: a full disk or a restart is not over because somebody wants the torrent again."""
        standing = self.hand_over
        if standing is None or (standing.wanted_version and not hand_over.wanted_version):
            self.hand_over = hand_over
            self.look_again.set()

    # --- told by the transfer's own loops

    def tell_readers(self) -> None:
        """Pieces came, or were lost, or it is over."""
        self.arrived.set()
        self.arrived = asyncio.Event()

    def check_tenure(self) -> None:
        """Right before anything is written or said: LeaseLapsed, LeaseLost."""
        if self.lost.is_set():
            raise LeaseLost
        if self.tenure.remaining(boottime()) <= 0:
            raise LeaseLapsed

    def parts_changed(self) -> None:
        """A part became READY, or HELD, or fell back."""
        self.parts_ready.set()
        self.entries_whole.set()
        self.look_again.set()

    def troubled(self, source: str, problem: Problem) -> None:
        """Something holds it up."""
        if self.problems.raise_(source, problem):
            self.to_report.set()

    def begin_again(self, pause: float) -> NoReturn:
        """Raises BeginAgain; for `pause` seconds, and longer each time, it does no more."""
        self.may_begin_again_at = boottime() + min(pause * 2**self.begun_again, LONGEST_PAUSE_SECONDS)
        self.begun_again += 1
        self.to_restage = True
        raise BeginAgain

    def untroubled(self, source: str) -> None:
        """It works again."""
        if self.problems.clear(source):
            self.to_report.set()

    def enter(self, stage: Stage) -> None:
        """It stands here now."""
        if self.stage is not stage:
            self.stage = stage
            self.to_report.set()
