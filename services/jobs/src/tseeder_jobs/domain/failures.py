"""What becomes of a transfer when a lease of it ends before its time: tried again at once, later, or never.

By the reason's code. What can pass spends an attempt and waits longer each time; what says nothing about the torrent
(an agent is restarted, its disk is full) is free; what every agent would meet ends the transfer at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tseeder_jobs.domain.rows import Reason


class Course(StrEnum):
    """How a reason is dealt with."""

    PASSING = "passing"
    """It may be better next time: spends an attempt, unless the agent says that it got further, and backs off."""
    FREE = "free"
    """It is nothing of the torrent's: another agent goes on, no attempt is spent."""
    FINAL = "final"
    """Nobody could do better: it fails at once."""


COURSES: Final = {
    # of the swarm
    "metadata_timeout": Course.PASSING,
    "no_peers": Course.PASSING,
    "pieces_unavailable": Course.PASSING,
    "peers_corrupt": Course.PASSING,
    "stalled": Course.PASSING,
    "trackers_refuse": Course.PASSING,
    "trackers_unreachable": Course.PASSING,
    # of the agent, where it may be the torrent's doing
    "agent_error": Course.PASSING,
    "agent_disk_failed": Course.PASSING,
    "agent_staging_corrupt": Course.PASSING,
    # of the agent alone
    "agent_bucket_differs": Course.FREE,
    "agent_disk_full": Course.FREE,
    "agent_disk_too_small": Course.FREE,
    "agent_draining": Course.FREE,
    "agent_lost": Course.FREE,
    "agent_restarted": Course.FREE,
    "agent_restarting": Course.FREE,
    "agent_runs_it_already": Course.FREE,
    # of the wish
    "joined": Course.FREE,
    "paused": Course.FREE,
    "unwanted": Course.FREE,
    # of the torrent
    "agents_lost": Course.FINAL,
    "layout_differs": Course.FINAL,
    "metadata_unusable": Course.FINAL,
    "too_large_for_agents": Course.FINAL,
    "torrent_blocked": Course.FINAL,
    "torrent_unusable": Course.FINAL,
}

AGENT_LOST: Final = Reason("agent_lost", "The agent was lost; another one goes on from what is stored.")
FREE_DEATHS: Final = 2
"""So many leases in a row may end with their agent before a transfer has to wait: machines fail without its doing."""
JITTER: Final = 0.25
"""The part of a wait that is left to chance, so that what failed together does not come back together."""
_MOST_DOUBLINGS: Final = 64


def course_of(code: str) -> Course:
    """What no table knows is what some agent met: it may pass."""
    return COURSES.get(code, Course.PASSING)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a transfer is tried, and after which waits; seconds."""

    max_attempts: int
    max_deaths: int
    backoff_seconds: float
    longest_seconds: float

    def wait(self, times: int, luck: float) -> float:
        """After `times` waits before this one. `luck`, from 0 to 1, takes off up to JITTER of it."""
        doubled = self.backoff_seconds * 2.0 ** min(times, _MOST_DOUBLINGS)
        return min(self.longest_seconds, doubled) * (1 - JITTER * luck)

    def wait_after_deaths(self, deaths: int, luck: float) -> float:
        """0 for the first FREE_DEATHS in a row."""
        return self.wait(deaths - FREE_DEATHS - 1, luck) if deaths > FREE_DEATHS else 0.0


@dataclass(frozen=True, slots=True)
class LeaseEnd:
    """A lease that ended before its transfer was done. `died`: with its agent; `asked_seconds`: the wait that the
    agent asks for; `asks_to_spend`: it got nothing done."""

    reason: Reason | None
    died: bool = False
    asks_to_spend: bool = False
    asked_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """How it goes on: it `fails` with this reason, or it waits. `attempts_spent` and `deaths` are counted on."""

    fails: Reason | None
    attempts_spent: int
    deaths: int
    wait_seconds: float


def outlook(patience: Patience, end: LeaseEnd, *, attempts_spent: int, deaths: int, luck: float) -> Outlook:
    """After this end of a lease, with what was spent and died before it."""
    course = course_of(end.reason.code) if end.reason else Course.PASSING
    spends = end.asks_to_spend and course is Course.PASSING
    spent, dead = attempts_spent + spends, deaths + 1 if end.died else 0
    fails = None
    if course is Course.FINAL:
        fails = end.reason
    elif spends and spent >= patience.max_attempts:
        fails = after_last_attempt(end.reason, spent)
    elif dead >= patience.max_deaths:
        fails = agents_lost(dead)
    wait = max(
        end.asked_seconds,
        patience.wait(attempts_spent, luck) if spends else 0.0,
        patience.wait_after_deaths(dead, luck),
    )
    return Outlook(fails, spent, dead, wait)


def after_last_attempt(reason: Reason | None, attempts: int) -> Reason:
    """The cause keeps its code; the message says how often it was met."""
    times = "once" if attempts == 1 else f"{attempts} times"
    if reason is None:
        return Reason("attempts_used_up", f"The transfer was tried {times}.")
    return Reason(reason.code, f"{reason.message} It was tried {times}.".strip())


def agents_lost(deaths: int) -> Reason:
    """Whatever it is, it ends with its agents."""
    return Reason("agents_lost", f"The agent that ran it was lost {deaths} times in a row, and it got no further.")
