"""Becomes ffprobe, with nothing to lose: `python -I -S ffprobe_process.py PARENT MEMORY CPU_SECONDS PROGRAM ...`.

It dies with its parent, also as ffprobe; may write no file, take little memory and CPU, and gain no right by what it
executes. That is in force before the first byte of a stranger's file is read. It imports nothing of ours, so that it is
there at once.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
FILES = 64
NOT_STARTED = 127


def main() -> int:
    """Does not return but for a program that cannot be started."""
    parent, memory, cpu = (int(text) for text in sys.argv[1:4])
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL)) or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return NOT_STARTED
    if os.getppid() != parent:  # it went away before the call took hold
        return NOT_STARTED
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    try:
        os.execve(sys.argv[4], sys.argv[4:], {})  # noqa: S606 - a shell is what nobody wants here
    except OSError:
        return NOT_STARTED


if __name__ == "__main__":
    sys.exit(main())
