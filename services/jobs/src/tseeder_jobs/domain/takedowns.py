"""What is said of a torrent that was taken down, wherever it is met."""

from __future__ import annotations

from typing import Final

from tseeder_jobs.domain.rows import Reason
from tseeder_kit.errors import AppError, forbidden

BLOCKED: Final = Reason("torrent_blocked", "This torrent was taken down and is not accepted.")
UNSERVED: Final = Reason("torrent_blocked", "This torrent was taken down: its files are not served.")


def torrent_blocked() -> AppError:
    """FORBIDDEN `torrent_blocked`: nobody may have it fetched, or read it."""
    return forbidden("torrent_blocked", "This torrent was taken down, and is neither accepted nor served.")
