"""Whether progress that came over NATS can be true: anybody inside may publish there, and an old agent may still."""

from __future__ import annotations

from typing import Protocol


class Told(Protocol):
    """What is said of a job; bytes, bytes a second, counts."""

    @property
    def epoch(self) -> int: ...
    @property
    def wanted_bytes(self) -> int: ...
    @property
    def downloaded_bytes(self) -> int: ...
    @property
    def uploaded_bytes(self) -> int: ...
    @property
    def download_rate(self) -> int: ...
    @property
    def upload_rate(self) -> int: ...
    @property
    def peers(self) -> int: ...
    @property
    def seeds(self) -> int: ...
    @property
    def eta_seconds(self) -> int: ...


def is_believable(told: Told, last: Told | None) -> bool:
    """Nothing below 0, nothing above 100 %, and nobody who held the lease before the one who spoke last.

    Of one epoch fewer bytes than before may be true: a piece that was lost on disk, an upload that S3 forgot.
    """
    amounts = (told.wanted_bytes, told.downloaded_bytes, told.uploaded_bytes, told.download_rate, told.upload_rate)
    if min(*amounts, told.peers, told.seeds, told.eta_seconds, told.epoch) < 0:
        return False
    if max(told.downloaded_bytes, told.uploaded_bytes) > told.wanted_bytes:
        return False
    return last is None or told.epoch >= last.epoch
