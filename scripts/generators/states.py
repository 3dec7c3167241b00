"""docs/reference/states.md: the states of transfers, jobs and files, from the tables of legal moves."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from scripts.generators import REFERENCE, Files
from tseeder_jobs.domain import states

S = TypeVar("S", bound=StrEnum)

PAGE: Final = f"{REFERENCE}/states.md"

_HEAD: Final = """# States

Generated from `services/jobs/src/tseeder_jobs/domain/states.py` by `make generate`. Do not edit it.

Every move that is drawn is legal, and no other is: rows move by compare-and-set on the old state. The CHECKs of the
schema and the enums of the wire are tested equal to the same tables.

"""

_TRANSFER: Final = """## A transfer

{diagram}
Live: {live}; an agent works on it in {running}. Ended: {ended}.

A lost or released lease takes it back to `queued`; the same boot that renews in time takes it from there to where it
was. `parked`: everybody who wants it has paused. A transfer whose magnet's torrent turned out to be known ends as
`cancelled`, joined to the one that goes on.

"""

_JOB: Final = """## A job

{diagram}
Live: {live}. Ended: {ended}; an ended job that is wanted again (retry, a wider selection) moves on as its next run.

An unpaused job shows where its transfer is, and is `completed` when its own files are stored, whatever else the
transfer still fetches.

"""

_FILE: Final = """## A file

One of {files}: wanted and not stored; stored; its job ended without it; given up by its owner.
"""


def generate() -> Files:
    """The page."""
    page = _HEAD
    page += _TRANSFER.format(
        diagram=diagram(states.TRANSFER_MOVES, states.TransferState.QUEUED),
        live=_names(states.TransferState, states.TRANSFER_LIVE),
        running=_names(states.TransferState, states.TRANSFER_RUNNING),
        ended=_names(states.TransferState, states.TRANSFER_ENDED),
    )
    page += _JOB.format(
        diagram=diagram(states.JOB_MOVES, states.JobState.QUEUED),
        live=_names(states.JobState, states.JOB_LIVE),
        ended=_names(states.JobState, states.JOB_ENDED),
    )
    page += _FILE.format(files=_names(states.FileState, frozenset(states.FileState)))
    return {PAGE: page.encode()}


def diagram(moves: Mapping[S, frozenset[S]], first: S) -> str:
    """A Mermaid diagram of all legal moves, in the order of the enum, which is that of a life."""
    order = list(type(first))
    arrows = [f"    [*] --> {first}"]
    arrows += [f"    {old} --> {new}" for old in order for new in order if new in moves[old]]
    arrows += [f"    {state} --> [*]" for state in order if not moves[state]]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```", ""])


def _names(kind: type[S], wanted: frozenset[S]) -> str:
    """In the order of the enum, which is that of a life."""
    return ", ".join(f"`{state}`" for state in kind if state in wanted)
