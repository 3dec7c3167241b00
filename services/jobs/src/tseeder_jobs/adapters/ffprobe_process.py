"""Becomes ffprobe, with nothing to lose: `python -I -S ffprobe_process.py PARENT MEMORY CPU_SECONDS PORT PROGRAM ...`.

It dies with its parent, also as ffprobe; may write no file, take little memory and CPU, and gain no right by what it
executes. Where the kernel has Landlock (5.13; for the network 6.7) it reads nothing but programs and libraries, not
even of /proc, signals nobody, and connects to PORT only: also if its parsers do what the file wants. All that is in
force before the first byte of a stranger's file is read. It imports nothing of ours, so that it is there at once.
"""

import ctypes
import os
import resource
import signal
import struct
import sys

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


def main() -> int:
    """Does not return but for a program that cannot be started."""
    parent, memory, cpu, port = (int(text) for text in sys.argv[1:5])
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
        shut_in(sys.argv[5], port)
        os.execve(sys.argv[5], sys.argv[5:], {})  # noqa: S606 - a shell is what nobody wants here
    except OSError:
        return NOT_STARTED


if __name__ == "__main__":
    sys.exit(main())
