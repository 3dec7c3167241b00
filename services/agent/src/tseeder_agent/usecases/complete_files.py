"""Ask jobs to make objects of the entries whose parts are all in S3."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final, NoReturn

from tseeder_agent.domain.ledger import Ledger
from tseeder_agent.domain.transfer import Problem
from tseeder_agent.domain.writes import Completed, Completion
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.insist import insist
from tseeder_agent.usecases.run import Run
from tseeder_kit.loops import pauses

FILES_AT_ONCE: Final = 200
"""Of one call: jobs looks at each in S3 before it answers."""
STORAGE_LATER: Final = Problem("storage_unavailable", "Object storage cannot be reached at the moment.")


async def complete_files(ctx: Context, run: Run, ledger: Ledger) -> NoReturn:
    """Until it is cancelled. One call at a time; what becomes whole meanwhile goes with the next."""
    next_pause = pauses(ctx.settings.retry_seconds, ctx.settings.retry_longest_seconds)
    while True:
        run.entries_whole.clear()
        indexes = ledger.take_whole(FILES_AT_ONCE)
        if not indexes:
            await run.entries_whole.wait()
            continue
        try:
            done = await insist(ctx, run, partial(ctx.jobs.complete_files, run.lease, indexes), run.spans.completions)
        except BaseException:
            for index in indexes:
                ledger.ask_again(index)
            raise
        late = [each.file_index for each in done if not _note(run, ledger, each)]
        if late:
            _ask_later(run, ledger, late, next_pause())
        else:
            next_pause = pauses(ctx.settings.retry_seconds, ctx.settings.retry_longest_seconds)
        run.parts_changed()


def _note(run: Run, ledger: Ledger, done: Completed) -> bool:
    """Take one outcome into the ledger; whether it is one."""
    match done.verdict:
        case Completion.STORED:
            ledger.store(done.file_index)
            run.untroubled("storage")
        case Completion.MISSING:
            ledger.reset(done.file_index, done.missing)
        case Completion.RESET:
            ledger.reset(done.file_index)
        case Completion.UNWANTED:
            ledger.drop(done.file_index)
        case Completion.LATER:
            run.troubled("storage", done.problem or STORAGE_LATER)
            return False
    return True


def _ask_later(run: Run, ledger: Ledger, indexes: list[int], pause: float) -> None:
    def again() -> None:
        for index in indexes:
            ledger.ask_again(index)
        run.parts_changed()

    asyncio.get_running_loop().call_later(pause, again)
