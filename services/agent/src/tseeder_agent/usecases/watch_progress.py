"""See when a transfer gets nothing although peers are there, say what it looks like, and ask anew."""

from __future__ import annotations

from tseeder_agent.adapters.swarm import Torrent
from tseeder_agent.domain.ledger import Ledger
from tseeder_agent.domain.standstill import Answer, Standstill
from tseeder_agent.domain.swarm_view import SwarmView
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.run import Run
from tseeder_kit.clock import boottime
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter

_stuck = counter(
    "agent_transfers_stuck",
    "Times a transfer got nothing from its peers: asked_again, or begun_again since libtorrent forgot a piece",
    ("answer",),
)
_log = get_logger(__name__)


class ProgressWatch:
    """Of one torrent in the session."""

    def __init__(self, ctx: Context, run: Run, ledger: Ledger, torrent: Torrent) -> None:
        self._patience = ctx.settings.stuck_seconds
        self._run = run
        self._ledger = ledger
        self._torrent = torrent
        self._still = Standstill(self._patience, boottime())

    async def look(self) -> bool:
        """Once, now and then; whether the order of pieces was forgotten. BeginAgain if a piece is forgotten."""
        if self._run.hand_over is not None:
            return False
        stats, now = self._torrent.stats, boottime()
        quiet = self._still.saw(stats.downloaded - stats.wasted, self._run.last_arrival, now)
        suspicious = any(map(self._ledger.lacks, self._torrent.failed))
        if not self._still.wants_view(suspicious=suspicious, now=now):
            return False
        view = await self._torrent.view()
        if view is None:
            return False
        may_begin_again = now >= self._run.may_begin_again_at
        answer = self._still.judge(view, self._ledger.lacks, may_begin_again=may_begin_again, now=now)
        if answer is None:
            return False
        if answer is Answer.BEGUN_AGAIN or view.peers:
            self._tell(view, answer, quiet)
        if answer is Answer.BEGUN_AGAIN:
            self._run.begin_again(self._patience)
        self._torrent.ask_again()
        return True

    def _tell(self, view: SwarmView, answer: Answer, quiet: float) -> None:
        _stuck.labels(answer).inc()
        _log.warning(
            "transfer_stuck",
            answer=answer.value,
            banned=len(self._torrent.banned),
            quiet_seconds=round(quiet, 1),
            wasted_bytes=self._torrent.stats.wasted,
            **self._ledger.standing(),
            **view.told(),
        )
