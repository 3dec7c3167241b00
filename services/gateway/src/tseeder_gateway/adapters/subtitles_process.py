"""Turns one file of subtitles into WebVTT, with nothing to lose: what it reads, a stranger wrote.

`python -I -m tseeder_gateway.adapters.subtitles_process PARENT MEMORY CPU_SECONDS FORMAT`, the file on stdin. Its
environment is empty, and it dies with its parent. Exit 1: there is nothing to show in it.
"""

from __future__ import annotations

import ctypes
import html
import os
import re
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Final

from pysubs2 import SSAEvent, SSAFile, SSAStyle
from pysubs2.formats.substation import parse_tags

from tseeder_gateway.adapters.charsets import decoded
from tseeder_gateway.domain.webvtt import Cue, Run, webvtt

NOTHING: Final = 1
_PR_SET_PDEATHSIG: Final = 1
_MOMENTS: Final = re.compile(r"<[0-9:.]{5,16}>")
_BREAKS: Final = re.compile(r"\\[Nn]")


def main() -> int:
    """One file."""
    parent, memory, cpu = (int(text) for text in sys.argv[1:4])
    _confine(parent, memory, cpu)
    text = converted(sys.stdin.buffer.read(), sys.argv[4])
    sys.stdout.buffer.write(text.encode("utf-8", errors="replace"))
    return 0 if text else NOTHING


def converted(data: bytes, written: str) -> str:
    """As WebVTT; "" for what has nothing to show. `written`: srt, vtt, ass or ssa, as its name says."""
    text = decoded(data).replace("\r\n", "\n").replace("\r", "\n")
    written = _seen(text, written)
    if written == "vtt":
        text = _cues_only(text)
    subtitles = SSAFile.from_string(text, format_=written)
    return webvtt(_cues(subtitles, written))


def _seen(text: str, written: str) -> str:
    """What it is, where its first line says something else than its name."""
    start = text[:4096].lstrip("\ufeff \n")
    if start.startswith("WEBVTT"):
        return "vtt"
    if "[Script Info]" in start:
        return written if written in ("ass", "ssa") else "ass"
    return "srt" if written == "vtt" else written


def _cues_only(text: str) -> str:
    """Without notes, styles, regions and the names of cues, which the library takes for text."""
    kept: list[str] = []
    in_cue = False
    for line in text.split("\n"):
        in_cue = "-->" in line or (in_cue and bool(line.strip()))
        if in_cue:
            kept.append(_MOMENTS.sub("", line))
    return "\n".join(kept)


def _cues(subtitles: SSAFile, written: str) -> Iterator[Cue]:
    for event in subtitles:
        if not event.is_comment:
            yield Cue(int(event.start), int(event.end), tuple(_runs(event, subtitles.styles, written)))


def _runs(event: SSAEvent, styles: dict[str, SSAStyle], written: str) -> Iterator[Run]:
    style = styles.get(event.style, SSAStyle.DEFAULT_STYLE)
    for part, look in parse_tags(event.text, style, styles):
        if look.drawing:
            continue
        text = _BREAKS.sub("\n", part).replace(r"\h", " ")
        text = html.unescape(text) if written == "vtt" else text
        yield Run(text, italic=look.italic, bold=look.bold, underline=look.underline)


def _confine(parent: int, memory: int, cpu: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL)) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it went away before the call took hold
        sys.exit(NOTHING)
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))


if __name__ == "__main__":
    sys.exit(main())
