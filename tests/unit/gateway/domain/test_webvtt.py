"""WebVTT is text, and nothing that a stranger writes becomes anything else."""

from __future__ import annotations

import pytest

from tseeder_gateway.domain.webvtt import Cue, Run, format_of, webvtt


def shown(*runs: Run | str, start: int = 0, end: int = 1000) -> str:
    """The payload of a document of one cue; "" for none."""
    cue = Cue(start, end, tuple(Run(run) if isinstance(run, str) else run for run in runs))
    document = webvtt([cue])
    return document.split("\n", 3)[3] if document else ""


def test_a_document_is_in_order_of_time() -> None:
    late, early = Cue(3_661_001, 3_662_000, (Run("late"),)), Cue(0, 1, (Run("early"),))
    assert webvtt([late, early]) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.001\nearly\n\n01:01:01.001 --> 01:01:02.000\nlate\n"
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<script>alert(1)</script> & more", "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more\n"),
        ("a --> b", "a --&gt; b\n"),
        ("a\n\n \n\nb\r\nc\u2028d", "a\nb\nc\nd\n"),
        ("a\x00\x1b[31m\ud800b\tc", "a[31mb\tc\n"),
        ("שלום \u200fעולם", "שלום \u200fעולם\n"),
        (" \n\x00\n", ""),
    ],
)
def test_text(text: str, written: str) -> None:
    assert shown(text) == written


def test_emphasis() -> None:
    assert shown(Run("a", italic=True), " b ", Run("c<", bold=True, underline=True)) == (
        "<i>a</i> b <b><u>c&lt;</u></b>\n"
    )
    assert shown(Run(" ", italic=True), Run("", bold=True)) == ""


@pytest.mark.parametrize(("start", "end"), [(5, 5), (9, 5), (-1, 5)])
def test_what_is_never_shown(start: int, end: int) -> None:
    assert shown("text", start=start, end=end) == ""


def test_times_end_somewhere() -> None:
    assert "99:59:59.999" in webvtt([Cue(0, 10**15, (Run("x"),))])


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a.srt", "srt"),
        ("A.SRT", "srt"),
        ("a.b.Ass", "ass"),
        ("x.ssa", "ssa"),
        (".vtt", "vtt"),
        ("srt", None),
        ("a.txt", None),
    ],
)
def test_formats(name: str, written: str | None) -> None:
    assert format_of(name) == written
