"""What must be true of a lease, pure: what each call does to a transfer, and who may write at a moment.

The machine beside it (test_lease_machine.py) makes the real calls and holds the rows against these values.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from tseeder_agent.domain.tenure import Tenure

HEARTBEAT: Final = 10.0
SELF_STOP: Final = 40.0
LEASE: Final = 60.0
AWAY_AFTER: Final = LEASE / 3

QUEUED, RUNNING, PARKED, ENDED = "queued", "running", "parked", "ended"
WAITING, PAUSED, OVER = "waiting", "paused", "over"  # of its one job


@dataclass(frozen=True)
class Moment:
    """Something that happened between two looks at the clock, in seconds of the machine's own time."""

    earliest: float
    latest: float

    def plus(self, seconds: float) -> Moment:
        """So much later."""
        return Moment(self.earliest + seconds, self.latest + seconds)


@dataclass(frozen=True)
class Ref:
    """A lease as its holder names it."""

    transfer: str
    epoch: int
    agent: str
    boot: str


@dataclass(frozen=True)
class Lease:
    """A row of `leases`. `ends` is when it may be taken away."""

    agent: str
    boot: str
    epoch: int
    ends: Moment
    expired: bool = False


@dataclass(frozen=True)
class Transfer:
    """A transfer with one job. `content`: transfers of one content have one info-hash, and no agent runs two of it."""

    name: str
    content: int
    state: str = QUEUED
    epoch: int = 0
    lease: Lease | None = None
    job: str = WAITING

    def held_by(self, ref: Ref) -> bool:
        """Whether this caller's word counts for it now."""
        lease = self.lease
        return (
            lease is not None
            and not lease.expired
            and ref.epoch == lease.epoch == self.epoch
            and (ref.agent, ref.boot) == (lease.agent, lease.boot)
        )

    def restorable_by(self, ref: Ref) -> bool:
        """Whether a beat brings it back: it ran out, and nobody has claimed it since."""
        lease = self.lease
        return (
            self.state == QUEUED
            and lease is not None
            and lease.expired
            and (ref.agent, ref.boot, ref.epoch) == (lease.agent, lease.boot, lease.epoch)
        )

    # --- what calls do

    def claimed(self, agent: str, boot: str, at: Moment) -> Transfer:
        """The next epoch begins, over an expired lease if there is one."""
        epoch = self.epoch + 1
        return replace(self, state=RUNNING, epoch=epoch, lease=Lease(agent, boot, epoch, at.plus(LEASE)))

    def beaten(self, ref: Ref, at: Moment) -> Transfer:
        """Renewed, or brought back, or as it was."""
        if self.lease is not None and (self.held_by(ref) or self.restorable_by(ref)):
            return replace(self, state=RUNNING, lease=replace(self.lease, expired=False, ends=at.plus(LEASE)))
        return self

    def forgotten(self) -> Transfer:
        """Its boot beats without naming it, and it has run out: nobody will renew it."""
        return replace(self, lease=None)

    def expired(self) -> Transfer:
        """Back in the queue under the same epoch."""
        assert self.lease is not None
        return replace(self, state=QUEUED, lease=replace(self.lease, expired=True))

    def given_back(self) -> Transfer:
        """By its holder, or because its agent was started anew."""
        state = {WAITING: QUEUED, PAUSED: PARKED, OVER: ENDED}[self.job]
        return replace(self, state=state, epoch=self.epoch + 1, lease=None)

    def ended(self) -> Transfer:
        """By cancel, Finish or Fail; nobody holds it any more."""
        return replace(self, state=ENDED, epoch=self.epoch + (self.lease is not None), lease=None)

    def parked(self) -> Transfer:
        """Everybody paused while nobody ran it, or when all was stored."""
        return replace(self, state=PARKED, epoch=self.epoch + (self.lease is not None), lease=None)

    def paused(self) -> Transfer:
        """A running one is parked later, by its holder."""
        now = replace(self, job=PAUSED)
        return now.parked() if self.state == QUEUED else now

    def resumed(self) -> Transfer:
        """Wanted again."""
        return replace(self, job=WAITING, state=QUEUED if self.state == PARKED else self.state)


@dataclass
class Hold:
    """What an agent knows of a lease of its own."""

    ref: Ref
    tenure: Tenure
    ending: bool = False  # it gives it back, and writes nothing more whatever comes of that


@dataclass
class Process:
    """One boot of an agent: its clock runs like all others, from another start."""

    agent: str
    boot: str
    credential: str
    clock_ahead: float
    frozen: bool = False
    holds: dict[str, Hold] = field(default_factory=dict)
    late: list[Reply] = field(default_factory=list)

    def clock(self, now: float) -> float:
        """What it reads on its own clock."""
        return now + self.clock_ahead

    def may_write(self, transfer: str, now: float) -> bool:
        """Whether it would write for this transfer, by all that it knows itself. A frozen one may have looked at its
        clock just before: what is under way goes on when it thaws, so only time ends its right."""
        hold = self.holds.get(transfer)
        return hold is not None and not hold.ending and hold.tenure.remaining(self.clock(now)) > 0

    def take(self, ref: Ref, sent_at: float) -> None:
        """A claim that was sent at `sent_at` of its own clock gave it this lease."""
        self.holds[ref.transfer] = Hold(ref, Tenure(SELF_STOP, sent_at))

    def hear(self, reply: Reply) -> None:
        """A beat's answer, however late it is."""
        for ref in reply.renewed:
            hold = self.holds.get(ref.transfer)
            if hold is not None and hold.ref == ref:
                hold.tenure.renewed(reply.sent_at)
        for ref in reply.lost:
            hold = self.holds.get(ref.transfer)
            if hold is not None and hold.ref == ref:
                del self.holds[ref.transfer]


@dataclass(frozen=True)
class Reply:
    """A beat's answer; `sent_at` by the clock of the agent that asked."""

    sent_at: float
    renewed: tuple[Ref, ...]
    lost: tuple[Ref, ...]


@dataclass
class Pulse:
    """The reaper's: after a silence it takes nothing away for as long as a lease lasts."""

    beat_at: Moment
    not_before: Moment

    def may_reap(self, at: Moment) -> bool | None:
        """Beat; None: it cannot be told, the silence or the wait ends in this very moment."""
        shortest, longest = at.earliest - self.beat_at.latest, at.latest - self.beat_at.earliest
        self.beat_at = at
        if shortest > AWAY_AFTER:
            self.not_before = at.plus(LEASE)
            return False
        if longest > AWAY_AFTER:
            self.not_before = Moment(self.not_before.earliest, at.latest + LEASE)
            return None
        if at.latest < self.not_before.earliest:
            return False
        return True if at.earliest > self.not_before.latest else None
