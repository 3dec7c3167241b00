"""Subtitles as browsers take them (WebVTT). A stranger's text becomes text, and three kinds of emphasis."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

MEDIA_TYPE: Final = "text/vtt"
MAX_BYTES: Final = 4 << 20
"""Of a file of subtitles; a film's are 100 KiB."""
FORMATS: Final[Mapping[str, str]] = MappingProxyType({"srt": "srt", "vtt": "vtt", "ass": "ass", "ssa": "ssa"})
"""By the file's extension."""
LONGEST_MS: Final = 100 * 3_600_000 - 1

_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_HIDDEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BREAKS: Final = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_EMPTY_LINES: Final = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Run:
    """Text that looks alike; lines end with \\n."""

    text: str
    italic: bool = False
    bold: bool = False
    underline: bool = False


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown from one moment to another, in milliseconds."""

    start_ms: int
    end_ms: int
    runs: tuple[Run, ...]


def format_of(name: str) -> str | None:
    """How a file of that name is written; None: it is none of subtitles in text."""
    _, dot, extension = name.rpartition(".")
    return FORMATS.get(extension.lower()) if dot else None


def webvtt(cues: Iterable[Cue]) -> str:
    """The document, by time; "" if there is nothing to show."""
    shown = sorted((cue for cue in cues if 0 <= cue.start_ms < cue.end_ms), key=lambda cue: cue.start_ms)
    blocks = [f"{_time(cue.start_ms)} --> {_time(cue.end_ms)}\n{text}\n" for cue in shown if (text := _payload(cue))]
    return "\n".join(["WEBVTT\n", *blocks]) if blocks else ""


def _payload(cue: Cue) -> str:
    """Without empty lines, which would end it. What is only tags is nothing."""
    if not any(_clean(run.text).strip() for run in cue.runs):
        return ""
    return _EMPTY_LINES.sub("\n", "".join(map(_marked, cue.runs)).strip())


def _marked(run: Run) -> str:
    text = _clean(run.text).translate(_ESCAPES)
    for tag, is_on in (("u", run.underline), ("b", run.bold), ("i", run.italic)):
        text = f"<{tag}>{text}</{tag}>" if is_on and text.strip() else text
    return text


def _clean(text: str) -> str:
    return _HIDDEN.sub("", _BREAKS.sub("\n", text))


def _time(ms: int) -> str:
    seconds, ms = divmod(min(ms, LONGEST_MS), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"
