"""A parser process: reads what strangers wrote, with nothing to lose.

`python -m tseeder_jobs.adapters.parser_process --parent PID --memory BYTES`. It has no secrets (its environment is
empty), little memory, and dies with its parent. It imports no more than it needs, so that a new one is there quickly.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import signal
import sys
import traceback
from typing import BinaryIO, Final

from tseeder_jobs.adapters import parser_wire as wire
from tseeder_jobs.domain.torrent import parse_info, parse_torrent
from tseeder_kit.errors import AppError

_PR_SET_PDEATHSIG: Final = 1
READY: Final = [b'{"ready": true}']


def main() -> int:
    """Serve requests from stdin until it closes."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--parent", type=int, required=True)
    arguments.add_argument("--memory", type=int, required=True)
    options = arguments.parse_args()
    _die_with(options.parent)
    _confine(options.memory)
    _serve(sys.stdin.buffer, sys.stdout.buffer)
    return 0


def _die_with(parent: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL)) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it went away before the call took hold
        sys.exit(1)


def _confine(memory: int) -> None:
    # Signals of the terminal or the launcher are for the parent; closing stdin ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _allow_cpu(seconds: float) -> None:
    """The kernel ends us when this much more CPU is used: the parent's clock is the first fence, this the second."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 2, hard))


def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    _write(sink, READY)
    while (message := _read(source)) is not None:
        try:
            answer = _answer(message)
        except Exception as exc:  # noqa: BLE001 - whatever it was, this process is not trusted any further
            _write(sink, wire.encode_crash(_place(exc)))
            return
        _write(sink, answer)


def _answer(message: wire.Message) -> wire.Message:
    header = json.loads(message[0])
    _allow_cpu(header["seconds"])
    data, layers = message[1], message[2] if header["layers"] else None
    try:
        if header["op"] == "torrent":
            meta = parse_torrent(data, admit_private=header["admit_private"])
        else:
            meta = parse_info(data, layers)
        return wire.encode_metainfo(meta, data)
    except AppError as exc:
        return wire.encode_error(exc.code, exc.message, exc.kind.value, exc.details)


def _place(exc: BaseException) -> str:
    last = traceback.extract_tb(exc.__traceback__)[-1:]
    return f"{type(exc).__name__} at {last[0].name}:{last[0].lineno}" if last else type(exc).__name__


def _read(source: BinaryIO) -> wire.Message | None:
    head = source.read(wire.COUNT.size)
    if len(head) < wire.COUNT.size:
        return None
    count = wire.field_count(head)
    sizes = wire.lengths(source.read(count * wire.COUNT.size))
    return [source.read(size) for size in sizes]


def _write(sink: BinaryIO, message: wire.Message) -> None:
    sink.write(wire.pack(message))
    sink.flush()


if __name__ == "__main__":
    sys.exit(main())
