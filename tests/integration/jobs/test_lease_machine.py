"""Agents with clocks of their own against the real use cases of jobs, in every order that hypothesis thinks of: calls
whose answers are lost or late, processes that end at either side of a COMMIT, outages, frozen agents, old epochs.

MACHINE_EXAMPLES: how many runs (8), of MACHINE_STEPS steps (30) each. MACHINE_SEED: a number for other runs than the
usual ones, `new` for fresh ones; the seed is printed. MACHINE_SHRINK=1: a failure is made as short as it gets, which
may take many minutes.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import uuid
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.integration.jobs.conftest import MakeSample, own_world
from tests.integration.jobs.lease_machine import HEARD, Frame, agents, fates, picks
from tests.integration.jobs.lease_model import (
    ENDED,
    HEARTBEAT,
    LEASE,
    OVER,
    PAUSED,
    QUEUED,
    RUNNING,
    SELF_STOP,
    WAITING,
    Moment,
    Process,
    Pulse,
    Ref,
    Reply,
    Transfer,
)
from tests.integration.jobs.leasing import Fate, lease_ref, leasing, writes_of
from tseeder_jobs.domain.agent_calls import HeldLease, WriteVerdict
from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.domain.states import TransferState
from tseeder_jobs.usecases.cancel_job import cancel_job
from tseeder_jobs.usecases.claim_transfers import claim_transfers
from tseeder_jobs.usecases.complete_files import complete_files
from tseeder_jobs.usecases.confirm_writes import confirm_writes
from tseeder_jobs.usecases.describe_transfer import describe_transfer
from tseeder_jobs.usecases.fail_transfer import fail_transfer
from tseeder_jobs.usecases.finish_transfer import finish_transfer
from tseeder_jobs.usecases.heartbeat import heartbeat
from tseeder_jobs.usecases.pause_job import pause_job
from tseeder_jobs.usecases.plan_writes import plan_writes
from tseeder_jobs.usecases.reap_leases import reap_leases
from tseeder_jobs.usecases.release_transfer import release_transfer
from tseeder_jobs.usecases.report import report
from tseeder_jobs.usecases.resume_job import resume_job
from tseeder_jobs.usecases.set_drain import set_drain
from tseeder_stack.s3 import S3Server
from tseeder_testkit.torrents import Sample

EXAMPLES: Final = int(os.environ.get("MACHINE_EXAMPLES", "8"))
STEPS: Final = int(os.environ.get("MACHINE_STEPS", "30"))
SEED: Final = os.environ.get("MACHINE_SEED", "")
SHRINK: Final = bool(os.environ.get("MACHINE_SHRINK", ""))
PART: Final = 5 << 20
MOST_TRANSFERS: Final = 3
ROUNDS: Final = 12
WHY: Final = Reason("agent_restarting", "The agent stops.")
T = TypeVar("T")


class LeaseMachine(Frame):
    """The rules; what holds at every moment; and that in the end everything is stored."""

    # --- the beginning

    @initialize(count=st.integers(1, 3), ahead=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3))
    def begin(self, count: int, ahead: list[float]) -> None:
        self.wait(self.ground.clear())
        now = self.ground.now()
        self.pulse = Pulse(Moment(now - 1, now), Moment(now - 1, now))
        for number in range(count):
            self.processes.append(Process(f"m-{uuid.uuid4().hex[:12]}", "", "", ahead[number]))
            self.start_anew(number, HEARD)
        for content in range(2):
            self.submit(content)
        self.claim(0, HEARD)

    # --- users

    @precondition(lambda self: not self.away and len(self.transfers) < MOST_TRANSFERS)
    @rule(content=st.integers(0, 1))
    def submit(self, content: int) -> None:
        """A job, and a transfer, of a new user."""
        user = uuid.uuid4()
        self.wait(self.ground.submit(user, self.samples[content].torrent.read_bytes()))
        found = self.wait(self.ground.transfer_of(user))
        assert found is not None
        job, name = found
        self.transfers[name] = Transfer(name, content)
        self.owners[name] = user, job
        self.agree({})

    @rule(pick=picks, fate=fates)
    def pause(self, pick: int, fate: Fate) -> None:
        self.wished(pick, pause_job, lambda t: t.paused() if t.job == WAITING else t, fate)

    @rule(pick=picks, fate=fates)
    def resume(self, pick: int, fate: Fate) -> None:
        self.wished(pick, resume_job, lambda t: t.resumed() if t.job == PAUSED else t, fate)

    @precondition(lambda self: len(self.transfers) > 1)
    @rule(pick=picks, fate=fates)
    def cancel(self, pick: int, fate: Fate) -> None:
        self.wished(pick, cancel_job, Transfer.ended, fate)

    # --- agents

    @rule(pick=agents, fate=fates)
    def claim(self, pick: int, fate: Fate) -> None:
        """One transfer; never one whose content this agent has a lease for, be it an expired one."""
        process = self.awake(pick)
        if process is None or self.away:
            return
        self.wait(self.ground.ready())
        mine = {t.content for t in self.transfers.values() if t.lease and t.lease.agent == process.agent}
        free = [t for t in self.transfers.values() if t.state == QUEUED and t.content not in mine]
        if process.agent in self.drained:
            free = []
        sent_at = process.clock(self.ground.now())
        before = dict(self.transfers)

        async def ask() -> Any:
            return await claim_transfers(self.ground.ctx, await self.ground.caller(process.credential), 1, 1 << 40)

        outcome, _ = self.made(
            ask, fate, lambda at: {t.name: {t, t.claimed(process.agent, process.boot, at)} for t in free}
        )
        taken = [t for name, t in self.transfers.items() if t.epoch > before[name].epoch]
        assert len(taken) <= 1
        refs = [Ref(t.name, t.epoch, process.agent, process.boot) for t in taken]
        self.refs += refs
        if not outcome.broken:
            assert outcome.error is None
            assert [str(each.lease.transfer_id) for each in outcome.value] == [t.name for t in taken]
            assert bool(taken) == bool(free), "it may be had, and nobody is given it"
            if fate.answer == "heard" and refs:
                process.take(refs[0], sent_at)
            elif fate.answer == "late" and refs:
                self.claims_late.append((process, refs[0], sent_at))

    @rule(pick=agents, fate=fates)
    def beat(self, pick: int, fate: Fate) -> None:
        """Names all that it holds."""
        process = self.awake(pick)
        if process is None or self.away:
            return
        named = [hold.ref for hold in process.holds.values()]
        alive = {r for r in named if (t := self.transfers[r.transfer]).held_by(r) or t.restorable_by(r)}
        sent_at = process.clock(self.ground.now())

        async def ask() -> Any:
            caller = await self.ground.caller(process.credential)
            held = [HeldLease(lease_ref(ref), 0) for ref in named]
            return await heartbeat(self.ground.ctx, caller, held, 1 << 40, False)

        outcome, _ = self.made(ask, fate, lambda at: self.beaten(process, named, at))
        if outcome.broken:
            return
        assert outcome.error is None
        by_name = {(r.transfer, r.epoch): r for r in named}
        renewed = {by_name[str(ref.transfer_id), ref.epoch] for ref in outcome.value.renewed}
        lost = {by_name[str(ref.transfer_id), ref.epoch] for ref in outcome.value.lost}
        assert (renewed, lost) == (alive, set(named) - alive)
        assert outcome.value.drain == (process.agent in self.drained)
        reply = Reply(sent_at, tuple(renewed), tuple(lost))
        if fate.answer == "heard":
            process.hear(reply)
        elif fate.answer == "late":
            process.late.append(reply)

    @rule(pick=agents)
    def hear_late(self, pick: int) -> None:
        """An answer that was on its way comes."""
        process = self.awake(pick)
        if process is None:
            return
        if process.late:
            process.hear(process.late.pop(0))
        for late in [each for each in self.claims_late if each[0] is process]:
            self.claims_late.remove(late)
            process.take(late[1], late[2])

    @rule(pick=agents)
    def freeze_or_thaw(self, pick: int) -> None:
        process = self.processes[pick % len(self.processes)]
        process.frozen = not process.frozen

    @rule(pick=agents, fate=fates)
    def start_anew(self, pick: int, fate: Fate) -> None:
        """The process ends, at whatever it was, and another boot of the agent joins."""
        if self.away:
            return
        number = pick % len(self.processes)
        old = self.processes[number]
        boot = str(uuid.uuid4())
        self.claims_late = [each for each in self.claims_late if each[0] is not old]
        process = self.processes[number] = Process(old.agent, boot, "", old.clock_ahead + 7.0)

        def posts(_: Moment) -> dict[str, set[Transfer]]:
            theirs = [t for t in self.transfers.values() if t.lease and t.lease.agent == old.agent]
            return {t.name: {t.given_back()} for t in theirs}

        outcome, _ = self.made(partial(self.ground.register, old.agent, boot), fate, posts)
        if outcome.broken or fate.answer != "heard":  # it does not know its credential: it asks again
            outcome, _ = self.made(partial(self.ground.register, old.agent, boot), HEARD, posts)
        process.credential = self.credentials[boot] = outcome.value

    # --- what a lease is for, by any of all leases there ever were

    @precondition(lambda self: self.refs and not self.away)
    @rule(pick=picks, which=picks, fate=fates)
    def plan(self, pick: int, which: int, fate: Fate) -> None:
        ref = self.some_ref(pick)
        writes = writes_of(self.samples[self.transfers[ref.transfer].content], PART)
        write = writes[which % len(writes)]
        if not self.own(ref, plan_writes, [write.intent]):
            return
        outcome, _ = self.made(self.by(ref, plan_writes, [write.intent]), fate, lambda _: {})
        if not outcome.broken:
            assert outcome.error is None
            (plan,) = outcome.value
            if plan.verdict is WriteVerdict.GO:
                self.planned.append((ref, plan, write))

    @precondition(lambda self: self.planned)
    @rule(pick=picks)
    def write(self, pick: int) -> None:
        """S3 knows no lease: whoever was frozen right before it writes still."""
        ref, plan, write = self.planned.pop(pick % len(self.planned))
        try:
            self.put.append((ref, self.wait(self.ground.put(plan, write.body))))
        except Exception as exc:
            if "NoSuchUpload" not in str(exc) and "NoSuchKey" not in str(exc):
                raise

    @precondition(lambda self: self.put and not self.away)
    @rule(pick=picks, fate=fates)
    def confirm(self, pick: int, fate: Fate) -> None:
        ref, result = self.put[pick % len(self.put)]
        if self.own(ref, confirm_writes, [result], []):
            outcome, _ = self.made(self.by(ref, confirm_writes, [result], []), fate, lambda _: {})
            assert outcome.error is None

    @precondition(lambda self: self.refs and not self.away)
    @rule(pick=picks, file=st.integers(0, 2), fate=fates)
    def complete(self, pick: int, file: int, fate: Fate) -> None:
        ref = self.some_ref(pick)
        if self.own(ref, complete_files, [file]):
            outcome, _ = self.made(self.by(ref, complete_files, [file]), fate, lambda _: {})
            assert outcome.error is None

    @precondition(lambda self: self.refs and not self.away)
    @rule(pick=picks)
    def describe(self, pick: int) -> None:
        ref = self.some_ref(pick)
        if self.own(ref, describe_transfer):
            outcome, _ = self.made(self.by(ref, describe_transfer), HEARD, lambda _: {})
            assert outcome.error is None

    @precondition(lambda self: self.refs and not self.away)
    @rule(pick=picks, fate=fates)
    def tell_stage(self, pick: int, fate: Fate) -> None:
        ref = self.some_ref(pick)
        if self.own(ref, report, TransferState.STORING, None):
            self.made(self.by(ref, report, TransferState.STORING, None), fate, lambda _: {})

    # --- ends of a lease; a replay of one whose answer was lost is an old epoch's call

    @precondition(lambda self: self.refs and not self.away)
    @rule(pick=picks, fate=fates)
    def release(self, pick: int, fate: Fate) -> None:
        ref = self.some_ref(pick)
        how: dict[str, Any] = {"wanted_version": 0, "reason": WHY, "not_before_seconds": 0.0, "spends_attempt": False}
        if self.own(ref, release_transfer, **how):
            self.ending(ref, release_transfer, {self.transfers[ref.transfer].given_back()}, fate, **how)

    @precondition(lambda self: len(self.refs) > 4 and not self.away)
    @rule(pick=picks, fate=fates)
    def fail(self, pick: int, fate: Fate) -> None:
        ref = self.some_ref(pick)
        why = Reason("torrent_unusable", "It cannot be used.")
        if self.own(ref, fail_transfer, why):
            self.ending(ref, fail_transfer, {self.transfers[ref.transfer].ended()}, fate, why)

    @precondition(lambda self: self.refs and not self.away)
    @rule(pick=picks, fate=fates)
    def finish(self, pick: int, fate: Fate) -> None:
        """Of what may be stored, or not."""
        self.finished(self.some_ref(pick), fate)

    def finished(self, ref: Ref, fate: Fate) -> None:
        """Ended, parked since it is paused and all is stored, or as it was."""
        version = self.wait(
            self.ground.value("SELECT wanted_version FROM transfers WHERE transfer_id = $1", uuid.UUID(ref.transfer))
        )
        if not self.own(ref, finish_transfer, version):
            return
        old = self.transfers[ref.transfer]
        outcome = self.ending(ref, finish_transfer, {old, old.ended(), old.parked()}, fate, version)
        if not outcome.broken:
            assert outcome.value == (self.transfers[ref.transfer].state != RUNNING)
        for process in self.processes:
            hold = process.holds.get(ref.transfer)
            if hold is not None and hold.ref == ref and outcome.value is False and fate.answer == "heard":
                hold.ending = False

    # --- time, the reaper, outages, operators

    @rule(seconds=st.sampled_from([1.0, HEARTBEAT, 21.0, SELF_STOP - 1, SELF_STOP + 1, LEASE - 1, LEASE + 1]))
    def pass_time(self, seconds: float) -> None:
        """Everybody's clock moves; the reaper's pulse goes on, unless jobs is away."""
        self.wait(self.ground.skip(seconds, reaper_beats=not self.away))
        if not self.away:
            self.pulse.beat_at = self.pulse.beat_at.plus(seconds)

    @rule(fate=fates)
    def reap(self, fate: Fate) -> None:
        """One turn of the reaper."""
        if self.away:
            return
        may: list[bool | None] = []

        def posts(at: Moment) -> dict[str, set[Transfer]]:
            may.append(self.pulse.may_reap(at))
            return {t.name: self.reaped(t, may[0], at) for t in self.transfers.values() if t.state == RUNNING}

        outcome, _ = self.made(partial(reap_leases, self.ground.ctx), fate, posts)
        if outcome.broken:  # whether it has beaten is not known
            now = self.ground.now()
            beat, reap = self.wait(self.ground.pulse_ages())
            self.pulse = Pulse(Moment(now - beat - 1, now - beat + 1), Moment(now - reap - 1, now - reap + 1))

    @precondition(lambda self: not self.away)
    @rule(dice=st.integers(0, 2))
    def go_away(self, dice: int) -> None:
        """Postgres goes, and with it jobs: nobody is answered."""
        self.away = not dice
        self.ground.breaking.down = self.away

    @precondition(lambda self: not self.away)
    @rule(seconds=st.sampled_from([HEARTBEAT, 21.0, LEASE + 1, 3 * LEASE]))
    def be_away(self, seconds: float) -> None:
        """For so long, while nobody asks; the reaper looks as soon as it can, before anybody could renew."""
        self.go_away(0)
        self.pass_time(seconds)
        self.come_back()
        self.reap(HEARD)

    @precondition(lambda self: self.away)
    @rule()
    def come_back(self) -> None:
        self.ground.breaking.down = self.away = False
        self.ground.breaking.down = self.away

    @precondition(lambda self: self.away)
    @rule(pick=agents)
    def ask_nobody(self, pick: int) -> None:
        """Calls fail, and fail as what may be tried again."""
        process = self.processes[pick % len(self.processes)]
        outcome = self.wait(self.ground.call(lambda: self.ground.caller(process.credential)))
        assert outcome.error is not None
        assert outcome.error.code == "database_unavailable"

    @rule(pick=agents)
    def drain_or_undrain(self, pick: int) -> None:
        """By an operator. The order stands over restarts."""
        if self.away:
            return
        agent = self.processes[pick % len(self.processes)].agent
        self.drained ^= {agent}
        self.made(partial(set_drain, self.ground.ctx, agent, drain=agent in self.drained), HEARD, lambda _: {})

    # --- what holds at every moment

    @invariant()
    def one_writes(self) -> None:
        """By the agents' own clocks and what they have heard."""
        now = self.ground.now()
        for name in self.transfers:
            writers = [p for p in self.processes if p.may_write(name, now)]
            assert len(writers) <= 1, f"{[w.agent for w in writers]} write at once"

    def teardown(self) -> None:
        """When all is well again, everything that is wanted is stored: nothing was stuck."""
        self.ground.breaking.down = self.away = False
        if not self.processes:
            return
        try:
            self.come_to_an_end()
        finally:
            self.wait(self.ground.clear())

    def come_to_an_end(self) -> None:
        for number, process in enumerate(self.processes):
            process.frozen = False
            self.hear_late(number)
            if process.agent in self.drained:
                self.drain_or_undrain(number)
        for name in self.transfers:
            self.wished(
                list(self.transfers).index(name), resume_job, lambda t: t.resumed() if t.job == PAUSED else t, HEARD
            )
        for _ in range(ROUNDS):
            if all(t.state == ENDED for t in self.transfers.values()):
                break
            self.work_a_round()
        left = {t.state for t in self.transfers.values()} - {ENDED}
        assert not left, f"stuck: {list(self.transfers.values())}"
        assert all(t.job == OVER for t in self.transfers.values())

    def work_a_round(self) -> None:
        """Each beats, does what it holds, and claims what it can; then what nobody named runs out."""
        for number, process in enumerate(self.processes):
            self.beat(number, HEARD)
            for _ in range(MOST_TRANSFERS):
                self.claim(number, HEARD)
            for ref in [hold.ref for hold in process.holds.values()]:
                self.store_all(ref)
        self.pass_time(LEASE + 1)
        self.reap(HEARD)

    def store_all(self, ref: Ref) -> None:
        """The whole of a transfer, as far as its lease is held."""
        if not self.transfers[ref.transfer].held_by(ref):
            return
        writes = writes_of(self.samples[self.transfers[ref.transfer].content], PART)
        self.wait(self.ground.call(self.by(ref, describe_transfer)))
        plans = self.wait(self.ground.call(self.by(ref, plan_writes, [write.intent for write in writes])))
        assert plans.error is None
        pairs = zip(plans.value, writes, strict=True)
        results = [self.wait(self.ground.put(p, w.body)) for p, w in pairs if p.verdict is WriteVerdict.GO]
        self.made(self.by(ref, confirm_writes, results, []), HEARD, lambda _: {})
        self.made(self.by(ref, complete_files, [0, 1, 2]), HEARD, lambda _: {})
        self.finished(ref, HEARD)


@pytest.fixture
async def samples(sample: MakeSample) -> list[Sample]:
    """Two contents: some files that go up whole, and one in two parts."""
    return [await sample(100, 200, PART + 1), await sample(300, 400, PART + 2)]


# Jobs' own code runs beside hypothesis, and spreads its pauses by `random`.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.timeout(max(240, EXAMPLES * STEPS))
async def test_leases_hold_whatever_happens(
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    rclone_server: S3Server,
    s3_client: Any,
    samples: list[Sample],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("machine")
    bucket = replace(rclone_server, bucket="jobs-machine")
    timing: dict[str, Any] = {"heartbeat_seconds": HEARTBEAT, "self_stop_seconds": SELF_STOP, "lease_seconds": LEASE}
    patient: dict[str, Any] = {"max_attempts": 1000, "max_deaths": 1000, "backoff_seconds": 0.001}
    async with (
        own_world(postgres, migrated_template, nats_url, bucket, folder, "jobs_machine") as world,
        leasing(world, s3_client, dedupe="user", **patient, **timing) as ground,
    ):
        machine = type(
            "Machine", (LeaseMachine,), {"ground": ground, "loop": asyncio.get_running_loop(), "samples": samples}
        )
        await asyncio.to_thread(_run, machine)


def _run(machine: type[LeaseMachine]) -> None:
    settings = hypothesis.settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        derandomize=not SEED,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if SHRINK else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    if SEED:
        seed = secrets.randbits(64) if SEED == "new" else int(SEED)
        machine = hypothesis.seed(seed)(machine)
        print(f"MACHINE_SEED={seed}")
    run_state_machine_as_test(machine, settings=settings)
