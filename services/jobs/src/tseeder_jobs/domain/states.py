"""The states of transfers and jobs, and every legal move. The schema's CHECKs and the wire's enums are tested equal to
these tables; docs/reference/states.md is generated from them.

A transfer waits (`queued`), finds its metadata (`resolving`), fetches (`downloading`), has all bytes and uploads the
rest (`storing`). A lost or released lease takes it back to `queued`; the same boot that renews in time takes it from
there to where it was. `parked`: everybody who wants it has paused.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class TransferState(StrEnum):
    """Where one run that fetches (part of) a torrent stands."""

    QUEUED = "queued"
    RESOLVING = "resolving"
    DOWNLOADING = "downloading"
    STORING = "storing"
    STORED = "stored"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARKED = "parked"


class JobState(StrEnum):
    """What a user sees of his wish."""

    QUEUED = "queued"
    RESOLVING = "resolving"
    DOWNLOADING = "downloading"
    STORING = "storing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PAUSED = "paused"
    EXPIRED = "expired"


class FileState(StrEnum):
    """One file of one job."""

    PENDING = "pending"
    STORED = "stored"
    DROPPED = "dropped"
    DELETED = "deleted"


T, J = TransferState, JobState

TRANSFER_RUNNING: Final = frozenset({T.RESOLVING, T.DOWNLOADING, T.STORING})
TRANSFER_ENDED: Final = frozenset({T.STORED, T.FAILED, T.CANCELLED})
TRANSFER_LIVE: Final = frozenset(T) - TRANSFER_ENDED

JOB_ENDED: Final = frozenset({J.COMPLETED, J.FAILED, J.CANCELLED, J.EXPIRED})
JOB_LIVE: Final = frozenset(J) - JOB_ENDED
JOB_WANTING: Final = JOB_LIVE - {J.PAUSED}
"""Unpaused: its selection counts in what the transfer fetches."""

_ends = frozenset({T.STORED, T.FAILED, T.CANCELLED})
TRANSFER_MOVES: Final[Mapping[TransferState, frozenset[TransferState]]] = {
    T.QUEUED: TRANSFER_RUNNING | _ends | {T.PARKED},
    T.RESOLVING: _ends | {T.DOWNLOADING, T.QUEUED, T.PARKED},
    T.DOWNLOADING: _ends | {T.STORING, T.QUEUED, T.PARKED},
    T.STORING: _ends | {T.DOWNLOADING, T.QUEUED, T.PARKED},
    T.PARKED: _ends | {T.QUEUED},
    T.STORED: frozenset(),
    T.FAILED: frozenset(),
    T.CANCELLED: frozenset(),
}

_reopened = JOB_WANTING | {J.COMPLETED}
JOB_MOVES: Final[Mapping[JobState, frozenset[JobState]]] = {
    **{state: (JOB_LIVE | {J.COMPLETED, J.FAILED, J.CANCELLED}) - {state} for state in JOB_LIVE},
    J.COMPLETED: JOB_WANTING | {J.EXPIRED, J.FAILED},  # failed: S3 lost what was stored
    J.FAILED: _reopened,
    J.CANCELLED: _reopened,
    J.EXPIRED: _reopened,
}


def job_state_under(transfer: TransferState) -> JobState:
    """What an unpaused job shows while its own files are not all stored.

    A parked transfer has no unpaused job but for the moment in which one is resumed: it waits.
    """
    if transfer in TRANSFER_RUNNING:
        return JobState(transfer.value)
    return JobState.QUEUED
