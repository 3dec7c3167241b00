"""How many files, and so connections, this process may have open."""

from __future__ import annotations

import resource

from tseeder_kit.logging import get_logger

_log = get_logger(__name__)


def room_for(files: int) -> None:
    """Raises the limit to `files`, as far as the process may: 1024 is what many systems give until a process asks.

    Beyond the limit connections would be refused without an answer, and S3 and the services could not be reached.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= files:
        return
    granted = files if hard == resource.RLIM_INFINITY else min(files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    if granted < files:
        _log.warning("open_files_limited", wanted=files, limit=granted)
