"""Becomes ffprobe, with nothing to lose: `python -I -S ffprobe_process.py PARENT MEMORY CPU_SECONDS PORT PROGRAM ...`.

It dies with its parent, also as ffprobe; may write no file, take little memory and CPU, and gain no right by what it
executes. What Landlock there is adds, also if its parsers do what the file wants:

- from Linux 5.13 on (ABI 1): it reads nothing but programs and libraries, not even of /proc;
- from 6.7 on (ABI 4): of TCP ports it connects to PORT only, and binds none. These are rules on port numbers, whatever
  the host; UDP, and sockets of other families, they do not speak of;
- from 6.12 on (ABI 6): it signals nobody outside, and connects to nobody's abstract Unix socket.

RLIMIT_NPROC is not set: what it counts is all processes of the user, it does not bind root, and where it does, a script
in ffprobe's place could start nothing. What is started is in the group of this process, which jobs ends as a whole.

All that is in force before the first byte of a stranger's file is read. It imports nothing of ours, so that it is there
at once.
"""

import ctypes
import os
import resource
import signal
import struct
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
FILES = 64
NOT_STARTED = 127

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PATH_BENEATH, NET_PORT = 1, 2
EXECUTE, READ_FILE, READ_DIR = 1 << 0, 1 << 2, 1 << 3
CONNECT_TCP = 1 << 1
FILE_RIGHTS = (0, 13, 14, 15, 15, 16)
"""How many rights on files each version of Landlock knows."""
LIBRARIES = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache")

libc = ctypes.CDLL(None, use_errno=True)


def landlock_version() -> int:
    """0: this kernel has none, or it is off."""
    return max(0, int(libc.syscall(CREATE_RULESET, None, 0, 1)))


def shut_in(program: str, port: int) -> None:
    """As far as the kernel can. OSError if it does not do what it says it can."""
    version = landlock_version()
    if not version:
        return
    rights = (1 << FILE_RIGHTS[min(version, len(FILE_RIGHTS) - 1)]) - 1
    handled = struct.pack("QQQ", rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = checked(libc.syscall(CREATE_RULESET, handled, size, 0))
    own = os.path.dirname(os.path.realpath(program))  # noqa: PTH120 - pathlib takes its time
    for path in (*LIBRARIES, own, f"{own}/../lib"):
        allow(rules, path)
    if version >= 4:
        checked(libc.syscall(ADD_RULE, rules, NET_PORT, struct.pack("QQ", CONNECT_TCP, port), 0))
    checked(libc.syscall(RESTRICT_SELF, rules, 0))
    os.close(rules)


def allow(rules: int, path: str) -> None:
    """To read it, and to execute what is in it; what is not there needs no leave."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    rights = EXECUTE | READ_FILE | (READ_DIR if os.path.isdir(path) else 0)  # noqa: PTH112
    checked(libc.syscall(ADD_RULE, rules, PATH_BENEATH, struct.pack("=Qi", rights, place), 0))
    os.close(place)


def checked(answer: int) -> int:
    """OSError for a call that failed."""
    if answer < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return answer


def limit(which: int, most: int) -> None:
    """To `most`, or to what is the most here already."""
    hard = resource.getrlimit(which)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (most, most))


def main() -> int:
    """Does not return but for a program that cannot be started, for whatever reason: any other exit code would be taken
    for what ffprobe says of the file."""
    try:
        become()
    except Exception:  # noqa: BLE001
        return NOT_STARTED


def become() -> NoReturn:
    """OSError, or what else it is, where it cannot."""
    parent, memory, cpu, port = (int(text) for text in sys.argv[1:5])
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL)) or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        raise ProcessLookupError("the parent went away before the call took hold")
    for which, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        limit(which, most)
    shut_in(sys.argv[5], port)
    os.execve(sys.argv[5], sys.argv[5:], {})  # noqa: S606 - a shell is what nobody wants here


if __name__ == "__main__":
    sys.exit(main())
