"""Get a part's bytes from the scratch disk, proven to be the torrent's."""

from __future__ import annotations

import asyncio
from typing import Final

from tseeder_agent.adapters.scratch_reader import ReadOutcome
from tseeder_agent.domain.parts import Part, pieces_of
from tseeder_agent.domain.problems import STAGING_CORRUPT
from tseeder_agent.domain.storage import PartBytes
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.run import GiveBack, HandOver, Run
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter

PAUSES_SECONDS: Final = (0.01, 0.05, 0.2, 0.5, 1.0)
MOST_REFUSALS: Final = 20
"""Parts of one lease that may stay wrong after all pauses; beyond, the disk is not to be trusted."""

_again = counter("agent_reads_again", "Parts that were read again, and why", ("reason",))
_log = get_logger(__name__)


class HashesMissing(Exception):  # noqa: N818 - it says what is
    """Of a v2 torrent by magnet: peers have not told the hashes of this part's pieces yet."""


async def read_part(ctx: Context, run: Run, part: Part, buffer: memoryview) -> PartBytes | None:
    """For its upload. None: it stayed wrong, and libtorrent was asked again which pieces it has. GiveBack if that
    happens too often. HashesMissing: nothing can be said of it yet."""
    read = await _read(ctx, run, part, buffer, with_sha256=ctx.store.wants_sha256)
    run.hashes_missing = read.part is None and bool(read.unknown) and not read.wrong
    if run.hashes_missing:
        raise HashesMissing
    if read.part is None and run.torrent is not None and run.staged is not None:
        _refuse(run, part)
        run.torrent.refresh()
    return read.part


async def read_proven(ctx: Context, run: Run, part: Part, buffer: memoryview, *, with_sha256: bool) -> PartBytes | None:
    """The part, proven to be the torrent's. None: it stayed wrong, or its hashes are not known."""
    return (await _read(ctx, run, part, buffer, with_sha256=with_sha256)).part


async def _read(ctx: Context, run: Run, part: Part, buffer: memoryview, *, with_sha256: bool) -> ReadOutcome:
    """Flush, read into `buffer`, compare with the pieces' hashes; read again on a mismatch. The last outcome.

    A finished piece is not readable at once, and the alert that says so after a flush has no id: the hash decides.
    """
    outcome = ReadOutcome(None)
    staged, torrent = run.staged, run.torrent
    if staged is None or torrent is None:
        return outcome
    pieces = pieces_of(part.offset, part.size, staged.piece_length)
    for pause in PAUSES_SECONDS:
        if not staged.proved.issuperset(pieces):
            await torrent.flush()
        try:
            outcome = await ctx.reader.read(staged, part, buffer, with_sha256=with_sha256)
        except FileNotFoundError:
            outcome = ReadOutcome(None, wrong=tuple(pieces))
        if outcome.part is not None:
            return outcome
        if outcome.unknown:
            _again.labels("hash_unknown").inc()
            await torrent.learn_layers(staged.hashes)
        if outcome.wrong:
            _again.labels("hash_wrong").inc()
        await asyncio.sleep(pause)
    return outcome


def _refuse(run: Run, part: Part) -> None:
    run.refusals += 1
    _log.warning("part_not_readable", file_index=part.file_index, part_number=part.number, refusals=run.refusals)
    if run.refusals > MOST_REFUSALS:
        raise GiveBack(HandOver(STAGING_CORRUPT, spends_attempt=True))
