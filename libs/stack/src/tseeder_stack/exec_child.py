"""Run as a script between the launcher and a program: gives the program its OS user and a death signal, then execs it.

`python -I -S exec_child.py PARENT_PID DEATH_SIGNAL UID GID PROGRAM ARGS...` (UID -1: keep the launcher's user).

It is a program of its own, and no `preexec_fn`, because running Python between fork and exec in a process that has
threads (gRPC's) can hang. The order matters: a change of user clears the death signal, a plain exec keeps it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, death_signal, uid, gid = (int(word) for word in sys.argv[1:5])
    argv = sys.argv[5:]
    program = find(argv[0])
    # From here on nothing is imported: as another user, this Python's own library may be out of reach.
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent:  # the launcher died before the signal was armed
            sys.exit(1)
    # Python ignores these two for itself, and an ignored signal would stay ignored across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execv(program, argv)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.stderr.write(f"cannot run {argv[0]}: {error.strerror}\n")
        sys.exit(127)


def find(name: str) -> str:
    """The path of a program on PATH; `name` itself if it is a path, or is not found."""
    if "/" in name:
        return name
    candidates = (f"{folder}/{name}" for folder in os.get_exec_path())
    return next((path for path in candidates if os.access(path, os.X_OK)), name)


main()
