"""Keep the ledger and libtorrent in step: what came, in which order the rest is wanted, what the disk says."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from typing import NoReturn

from tseeder_agent.adapters.swarm import Changes, Torrent
from tseeder_agent.domain.ledger import PRIORITY, Ledger
from tseeder_agent.domain.problems import DISK_FAILED, DISK_FULL
from tseeder_agent.domain.quiet import Quiet
from tseeder_agent.domain.transfer import Stage
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.room import room_for
from tseeder_agent.usecases.run import HandOver, Run
from tseeder_agent.usecases.see_swarm import what_holds_up
from tseeder_agent.usecases.watch_progress import ProgressWatch
from tseeder_kit.clock import boottime
from tseeder_kit.logging import get_logger

MIB = 1024 * 1024
SLOT_BYTES = 8 * MIB
"""Smaller parts share a slot of the window until they fill it."""
FAR = 8
"""Slots. What was so far down a reader's window, and is waited for now, was sought: by another reader, or by a jump."""
_log = get_logger(__name__)


class Fetching:
    """The swarm side of one transfer."""

    def __init__(self, ctx: Context, run: Run, ledger: Ledger, torrent: Torrent) -> None:
        self._ctx = ctx
        self._run = run
        self._ledger = ledger
        self._torrent = torrent
        self._aimed: set[int] = set()
        self._reading: dict[int, int] = {}  # pieces that readers wait for, and the slots that they were given
        self._extra: set[int] = set()  # of these: what no part needs, and the disk was reserved for since
        self._in_order = True
        self._progress = ProgressWatch(ctx, run, ledger, torrent)
        # A torrent that is added anew is as quiet as it was.
        self._quiet = Quiet(self._useful_bytes(), boottime() if run.quiet_since is None else run.quiet_since)

    async def work(self) -> NoReturn:
        """Take in what libtorrent tells, until it is cancelled."""
        try:
            await self._take_in_all()
        finally:
            self._run.re_aim = None

    async def _take_in_all(self) -> NoReturn:
        self._torrent.begin_order(self._ledger.priorities())
        self._torrent.go_in_order(True)
        self.aim()
        self._run.re_aim = self._aim_again
        if not self._ledger.fetched:
            self._run.spans.swarm.begin()
        while True:
            changes = await self._torrent.changes()
            if changes.error is not None:
                raise changes.error
            if self._take_in(changes):
                self._run.parts_changed()
                self.aim()
            if changes.arrived or changes.have is not None:
                self._run.tell_readers()
            if changes.arrived:
                self._run.last_arrival = boottime()
                self._run.spans.swarm.arrived()
            if changes.disk is not None:
                self._disk_failed(full=changes.disk.full, message=changes.disk.message)
            if self._ledger.fetched:
                self._run.enter(Stage.STORING)
                self._run.untroubled("swarm")
                self._run.spans.swarm.end(self._received())

    def _received(self) -> int:
        self._run.received.reach(self._torrent.stats.downloaded)
        return self._run.received.total

    def _take_in(self, changes: Changes) -> bool:
        """Whether parts became whole, or may have been lost."""
        if changes.have is not None:
            lost = self._ledger.rebuild(changes.have)
            self._run.adopted_bytes = 0  # what is here of it is known now, wanted or not
            self._run.disk_reserved = max(self._run.disk_reserved, self._ledger.disk_bytes)
            self._aimed.difference_update(lost)
            for piece in lost:
                self._reading.pop(piece, None)
            if self._run.staged is not None:
                self._run.staged.doubt(lost)
        self._aimed.difference_update(changes.arrived)
        return sum([self._ledger.arrived(piece) for piece in changes.arrived]) > 0 or changes.have is not None

    def aim(self) -> None:
        """Give the pieces of the next parts a deadline, each piece once; what readers wait for comes before them.

        libtorrent takes pieces with a deadline in no order: where all peers together are slow, the first part is whole
        late, but the last one early (measured: docs/decisions). So the first slot has deadlines alone, while little is
        here: it goes up while the rest of the window is fetched.
        """
        self.aim_for_readers()
        if self._anybody_reads or not self._in_order or self._ledger.fetched:
            return
        parts = self._ctx.settings.window_parts if self._ledger.here_bytes >= SLOT_BYTES else 1
        window = self._ledger.window(parts, SLOT_BYTES)
        fresh = [(piece, slot) for piece, slot in window if piece not in self._aimed]
        self._aimed.update(piece for piece, _ in fresh)
        self._torrent.aim(fresh)

    @property
    def _anybody_reads(self) -> bool:
        return self._run.readers is not None and self._run.readers.any

    def aim_for_readers(self) -> None:
        """Deadlines for what readers wait for, and none for what they left behind.

        While anybody reads nothing else has one: libtorrent serves the oldest deadline first, whoever set it, and
        cancels what it has asked of peers (so that a seek is felt at once) only for the first one that it is given. A
        seek may also go to where another reader's window has come already.
        """
        readers = self._run.readers
        slots = readers.slots() if readers is not None else {}
        wanted = self._that_fit({piece: slot for piece, slot in slots.items() if not self._ledger.holds(piece)})
        sought = any(slot == 0 and self._reading.get(piece, FAR) >= FAR for piece, slot in wanted.items())
        began = bool(wanted) and (sought or bool(self._aimed))
        self._take_back({*self._reading, *self._aimed} if began else self._reading.keys() - wanted.keys())
        for piece, slot in wanted.items():
            if began or piece not in self._reading:
                self._torrent.aim_now(piece, slot)
        self._reading = wanted

    def _that_fit(self, wanted: dict[int, int]) -> dict[int, int]:
        """Those that the disk takes. What no part waits for (S3 has it already) comes on top of what was reserved: it
        is reserved now, and no longer once no reader wants it."""
        run, length = self._run, self._ledger.piece_length
        left = self._extra - wanted.keys()
        self._extra -= left
        run.disk_reserved -= length * sum(not self._ledger.holds(piece) for piece in left)
        more = {piece for piece in wanted if piece not in self._extra and not self._ledger.needs(piece)}
        if not more:
            return wanted
        # Not what earlier boots left: it is deleted for what a lease needs, not for a reader.
        room = room_for(self._ctx, run) - self._ctx.leftovers.size - run.disk_reserved
        taken = set(sorted(more, key=wanted.__getitem__)[: max(0, room // length)])
        self._extra |= taken
        run.disk_reserved += length * len(taken)
        return {piece: slot for piece, slot in wanted.items() if piece not in more or piece in taken}

    def _take_back(self, pieces: Iterable[int]) -> None:
        """No deadlines for these, and their own priorities again."""
        back = set(pieces)
        self._aimed -= back
        left = [piece for piece in back if not self._ledger.holds(piece)]
        self._torrent.aim_no_more((piece, PRIORITY if self._ledger.needs(piece) else 0) for piece in left)

    def _aim_again(self, *, anew: bool = False) -> None:
        """For whoever changed what is needed first, or (`anew`) the priorities under it."""
        if anew:
            self._forget_order()
            self._extra.clear()  # what is here of them was counted when the disk was reserved anew
        if anew or not self._anybody_reads:
            self.aim()
        else:
            self.aim_for_readers()

    def _forget_order(self) -> None:
        """No deadlines any more, nor what they did to priorities."""
        self._take_back({*self._aimed, *self._reading})
        self._aimed.clear()
        self._reading.clear()

    def _disk_failed(self, *, full: bool, message: str) -> None:
        _log.warning("disk_failed", full=full, message=message)
        problem = DISK_FULL if full else DISK_FAILED
        self._run.spans.swarm.event(problem.code)
        self._run.troubled("disk", problem)
        pause = self._ctx.settings.disk_full_pause_seconds
        self._run.ask_back(HandOver(problem, not_before_seconds=pause, spends_attempt=True, unless_stored=True))

    async def watch(self) -> NoReturn:
        """Look at the peers now and then: rarest first while a needed piece is nobody's, and say why nothing comes.
        When nothing useful came for longer than the plan allows, the attempt is given up.

        BeginAgain if libtorrent has to be given the torrent anew.
        """
        while True:
            await asyncio.sleep(self._ctx.settings.availability_seconds)
            waited_for = self._ledger.needs_pieces() or self._run.hashes_missing
            if self._torrent.stats.checking or not waited_for:
                self._nothing_is_waited_for()
                continue
            self._run.missing_pieces = self._ledger.missing(await self._torrent.availability())
            self._order(in_order=not self._run.missing_pieces)
            self._judge()
            self._give_up_if_quiet()
            if await self._progress.look():
                self._forget_order()
                self.aim()

    def _order(self, *, in_order: bool) -> None:
        if in_order is self._in_order:
            return
        _log.info("order_changed", in_order=in_order)
        self._run.spans.swarm.event("order_changed", {"tseeder.swarm.in_order": in_order})
        self._in_order = in_order
        self._forget_order()
        self._torrent.go_in_order(in_order)
        self.aim()

    def _judge(self) -> None:
        if boottime() - self._run.last_arrival < self._ctx.settings.stall_seconds:
            self._run.untroubled("swarm")
        else:
            self._run.troubled("swarm", what_holds_up(self._run, self._torrent))

    def _useful_bytes(self) -> int:
        stats = self._torrent.stats
        return stats.downloaded - stats.wasted

    def _nothing_is_waited_for(self) -> None:
        """All is here, or libtorrent still hashes what an earlier boot left: the swarm is not quiet."""
        self._run.missing_pieces = 0
        self._run.untroubled("swarm")
        self._run.last_arrival = self._run.quiet_since = boottime()
        self._quiet.restart(boottime())

    def _give_up_if_quiet(self) -> None:
        """Another agent, at another time, may find more: whether it is tried again is for jobs to say."""
        run = self._run
        quiet = self._quiet.saw(self._useful_bytes(), run.last_arrival, boottime())
        run.quiet_since = boottime() - quiet
        allowed = run.description.stall_timeout_seconds if run.description else math.inf
        if quiet < allowed or run.hand_over is not None:
            return
        problem = what_holds_up(run, self._torrent)
        _log.warning("attempt_given_up", code=problem.code, quiet_seconds=round(quiet, 1))
        run.spans.swarm.event(problem.code)
        run.troubled("swarm", problem)
        run.ask_back(HandOver(problem, spends_attempt=True, unless_stored=True))
