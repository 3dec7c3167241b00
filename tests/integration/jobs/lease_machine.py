"""How the lease machine makes a step: the real call, then the rows against what the model allows."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from tests.integration.jobs.lease_model import OVER, Moment, Process, Ref, Transfer
from tests.integration.jobs.leasing import Fate, Ground, Outcome, Write, lease_ref
from tseeder_jobs.domain.agent_calls import WritePlan, WriteResult
from tseeder_testkit.torrents import Sample

T = TypeVar("T")
HEARD: Final = Fate()
crashes = st.builds(lambda n, where: Fate(crash=(n, where)), st.integers(1, 3), st.sampled_from(["before", "after"]))
fates = st.one_of(st.just(HEARD), st.just(HEARD), st.just(Fate("lost")), st.just(Fate("late")), crashes)
agents = st.integers(0, 2)
picks = st.integers(0, 999)


class Frame(RuleBasedStateMachine):
    """`ground`, `loop` and `samples` are set by the test. What the rows say after a call must be one of the states that
    the model allows for each transfer; `heard` calls allow one only."""

    ground: Ground
    loop: asyncio.AbstractEventLoop
    samples: list[Sample]

    def __init__(self) -> None:
        super().__init__()
        self.transfers: dict[str, Transfer] = {}
        self.owners: dict[str, tuple[uuid.UUID, uuid.UUID]] = {}  # user and job
        self.processes: list[Process] = []
        self.credentials: dict[str, str] = {}  # by boot
        self.refs: list[Ref] = []  # every lease there ever was
        self.planned: list[tuple[Ref, WritePlan, Write]] = []
        self.put: list[tuple[Ref, WriteResult]] = []
        self.claims_late: list[tuple[Process, Ref, float]] = []
        self.drained: set[str] = set()
        self.away = False

    # --- how a step is made

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """On the loop that the services' connections belong to."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def made(
        self,
        call: Callable[[], Awaitable[Any]],
        fate: Fate,
        posts: Callable[[Moment], Mapping[str, set[Transfer]]],
    ) -> tuple[Outcome, Moment]:
        """One call; the rows are held against `posts`, and where it broke, also against how they were."""
        before = self.ground.now()
        outcome = self.wait(self.ground.call(call, fate.crash))
        at = Moment(before, self.ground.now())
        allowed = dict(posts(at))
        if outcome.broken:
            allowed = {name: states | {self.transfers[name]} for name, states in allowed.items()}
        self.agree(allowed)
        return outcome, at

    def agree(self, allowed: Mapping[str, set[Transfer]]) -> None:
        """What the rows say is one of these; from now on that is so."""
        for name, seen in self.wait(self.ground.look(list(self.transfers))).items():
            old = self.transfers[name]
            fits = [t for t in allowed.get(name, {old}) if _rows_of(t) == (seen.state, seen.epoch, seen.lease)]
            assert fits, f"rows {seen}\nmodel {old}\nallowed {allowed.get(name)}"
            self.transfers[name] = replace(_merged(fits), job=seen.job)

    def refused(self, call: Callable[[], Awaitable[Any]], *codes: str) -> None:
        """The call changes nothing at all, and says why."""
        rows = self.wait(self.ground.fingerprint())
        outcome = self.wait(self.ground.call(call))
        assert outcome.error is not None, f"an old epoch was accepted: {outcome}"
        assert outcome.error.code in codes
        assert self.wait(self.ground.fingerprint()) == rows, "a refused call changed rows"

    def by(
        self, ref: Ref, call: Callable[..., Awaitable[Any]], *args: Any, **more: Any
    ) -> Callable[[], Awaitable[Any]]:
        """A use case for a lease, as the boot that had it."""

        async def make() -> Any:
            caller = await self.ground.caller(self.credentials[ref.boot])
            return await call(self.ground.ctx, caller, lease_ref(ref), *args, **more)

        return make

    def own(self, ref: Ref, call: Callable[..., Awaitable[Any]], *args: Any, **more: Any) -> bool:
        """Whether the lease is held. If not, the call was made, and was refused without a trace."""
        if self.transfers[ref.transfer].held_by(ref):
            return True
        codes = ("lease_lost", "agent_credential_invalid")
        self.refused(self.by(ref, call, *args, **more), *codes)
        return False

    def some_ref(self, pick: int) -> Ref:
        """One of all leases there ever were, the newest more often."""
        newest = len(self.refs) - 1
        return self.refs[newest - pick % 3] if pick % 2 and newest >= 2 else self.refs[pick % len(self.refs)]

    def awake(self, pick: int) -> Process | None:
        """An agent that is not frozen."""
        process = self.processes[pick % len(self.processes)]
        return None if process.frozen else process

    def wished(
        self, pick: int, verb: Callable[..., Awaitable[Any]], post: Callable[[Transfer], Transfer], fate: Fate
    ) -> None:
        """Its owner pauses, resumes or cancels."""
        name = list(self.transfers)[pick % len(self.transfers)]
        old = self.transfers[name]
        if self.away or old.job == OVER:
            return
        user, job = self.owners[name]
        outcome, _ = self.made(partial(verb, self.ground.ctx, user, job), fate, lambda _: {name: {post(old)}})
        assert outcome.error is None

    def beaten(self, process: Process, named: list[Ref], at: Moment) -> dict[str, set[Transfer]]:
        """What a beat does: to what it names, and to what this boot let run out and does not name."""
        posts = {ref.transfer: {self.transfers[ref.transfer].beaten(ref, at)} for ref in named}
        for t in self.transfers.values():
            mine = t.lease is not None and (t.lease.agent, t.lease.boot) == (process.agent, process.boot)
            if (
                mine
                and t.lease
                and t.lease.expired
                and (t.name, t.lease.epoch) not in {(r.transfer, r.epoch) for r in named}
            ):
                posts[t.name] = {t.forgotten()}
        return posts

    def ending(
        self, ref: Ref, call: Callable[..., Awaitable[Any]], posts: set[Transfer], fate: Fate, *args: Any, **more: Any
    ) -> Outcome:
        """Its holder stops writing before it asks; it forgets the lease once it knows that it is gone."""
        hold = next(
            (
                p.holds[ref.transfer]
                for p in self.processes
                if ref.transfer in p.holds and p.holds[ref.transfer].ref == ref
            ),
            None,
        )
        if hold is not None:
            hold.ending = True
        outcome, _ = self.made(self.by(ref, call, *args, **more), fate, lambda _: {ref.transfer: posts})
        assert outcome.error is None
        return outcome

    def reaped(self, t: Transfer, may: bool | None, at: Moment) -> set[Transfer]:
        """What a turn may do to one that runs; two states where the moment decides."""
        assert t.lease is not None
        if may is False or t.lease.ends.earliest > at.latest:
            return {t}
        if may is True and t.lease.ends.latest < at.earliest:
            return {t.expired()}
        return {t, t.expired()}


def _rows_of(t: Transfer) -> tuple[str, int, tuple[str, str, int, bool] | None]:
    lease = t.lease
    return t.state, t.epoch, (lease.agent, lease.boot, lease.epoch, lease.expired) if lease else None


def _merged(fits: list[Transfer]) -> Transfer:
    """One of them; where it is not known whether a call renewed the lease, it may end at either time."""
    ends = [t.lease.ends for t in fits if t.lease is not None]
    first = fits[0]
    if first.lease is None:
        return first
    both = Moment(min(each.earliest for each in ends), max(each.latest for each in ends))
    return replace(first, lease=replace(first.lease, ends=both))
