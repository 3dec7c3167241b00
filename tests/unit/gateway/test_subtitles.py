"""Subtitles of all kinds and charsets become WebVTT; what is none, or too much, ends with its own process."""

from __future__ import annotations

import asyncio
import gzip
from uuid import uuid4

import pytest

from tseeder_gateway.adapters.subtitles import Subtitles
from tseeder_gateway.adapters.subtitles_process import converted
from tseeder_gateway.domain.recent import Recent
from tseeder_kit.errors import AppError

SRT = "1\n00:00:01,000 --> 00:00:02,500\n{}\n\n2\n00:00:03,000 --> 00:00:04,000\nthe end\n"
BOMB = b"1\n00:00:00,000 --> 00:00:01,000\n" + b"<a" * (2 << 20)  # each `<a` looks for its end, to the end
CYRILLIC = "Это было давно, и никто уже не помнил, чем всё кончилось."
ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,20,&H00FFFFFF,&H000000FF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,2,2,2,10,10,10,1
Style: Thought,Arial,20,&H00FFFFFF,&H000000FF,&H00000000,&H00000000,0,-1,0,0,100,100,0,0,1,2,2,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\an8\\b1}Stop{\\b0}, he said,\\Nand <stopped>.
Dialogue: 0,0:00:02.00,0:00:03.00,Thought,,0,0,0,,Why?
Dialogue: 0,0:00:02.00,0:00:03.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0 100 100{\\p0}
Comment: 0,0:00:04.00,0:00:05.00,Default,,0,0,0,,not shown
"""
VTT = """WEBVTT - a title

STYLE
::cue { background: url(http://127.0.0.1/) }

NOTE nobody reads this

intro
00:01.000 --> 00:02.000 align:start position:10%
<v Ann>R&amp;D <00:01.500><c.red>now</c></v> <i>here</i> &lt;b&gt;

second
00:00:03.000 --> 00:00:04.000
the end
"""


def payloads(text: str) -> list[str]:
    """What is shown."""
    head, *cues = text.rstrip("\n").split("\n\n")
    assert head == "WEBVTT"
    return [cue.split("\n", 1)[1] for cue in cues]


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("utf-8", "Füße – 映画 🎬"),
        ("utf-8-sig", "Füße"),
        ("utf-16", CYRILLIC),
        ("utf-16-le", "Plain letters"),
        ("utf-16-be", "Plain letters"),
        ("cp1251", CYRILLIC),
        ("cp1252", "Les élèves étaient très fatigués à la fin de la journée, déjà."),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy"),
        ("cp932", "これは日本語の字幕です。映画はとても面白かったです。"),
    ],
)
def test_charsets(charset: str, text: str) -> None:
    lines = "\n".join(SRT.format(text) for _ in range(20))
    assert payloads(converted(lines.encode(charset), "srt"))[0] == text


def test_bytes_of_no_charset_are_shown_all_the_same() -> None:
    assert payloads(converted(SRT.format("a").encode() + b"\xff\x81\x9d", "srt"))[0] == "a"


def test_srt() -> None:
    text = "<i>He</i> said: <font color='red'>1 < 2</font> & {\\an8}<script>x</script>\n\nwent --> on"
    made = converted(SRT.format(text).replace("\n", "\r\n").encode(), "srt")
    assert payloads(made) == ["<i>He</i> said: 1 &lt; 2 &amp; x\nwent --&gt; on", "the end"]
    assert "00:00:01.000 --> 00:00:02.500\n" in made


@pytest.mark.parametrize("written", ["ass", "srt"])
def test_ass_also_under_another_name(written: str) -> None:
    made = payloads(converted(ASS.encode(), written))
    assert made == ["<b>Stop</b>, he said,\nand &lt;stopped&gt;.", "<i>Why?</i>"]


@pytest.mark.parametrize("written", ["vtt", "srt"])
def test_vtt_without_its_styles_and_names(written: str) -> None:
    made = converted(VTT.encode(), written)
    assert payloads(made) == ["R&amp;D now <i>here</i> &lt;b&gt;", "the end"]
    assert "url(" not in made


async def test_what_is_none_and_what_is_too_much() -> None:
    subtitles = Subtitles(cpu_seconds=1)

    async def code(data: bytes, written: str = "srt") -> str:
        with pytest.raises(AppError) as caught:
            await subtitles.convert(data, written, str(uuid4()))
        return caught.value.code

    found = await asyncio.gather(
        code(b"\x00"),
        code(b"no subtitles at all", "ass"),
        code(gzip.compress(b"x" * 1000)),
        code(b"[Script Info]\n[Events]\nDialogue: 0,x", "ssa"),
        code(BOMB),
    )
    assert set(found) == {"subtitles_unreadable"}
    assert payloads((await subtitles.convert(SRT.format("a").encode(), "srt", "b")).decode()) == ["a", "the end"]


async def test_nobody_waits_for_all_of_another_ones() -> None:
    subtitles = Subtitles(cpu_seconds=1)
    greedy = [asyncio.create_task(subtitles.convert(BOMB, "srt", "a")) for _ in range(4)]
    try:
        await asyncio.sleep(0)
        await subtitles.convert(SRT.format("a").encode(), "srt", "b")
        assert sum(each.done() for each in greedy) < 2
    finally:
        for each in greedy:
            each.cancel()
        await asyncio.gather(*greedy, return_exceptions=True)


def test_what_was_found_out_lately() -> None:
    now = 0.0
    recent = Recent(seconds=10, most=2, clock=lambda: now)
    recent.note("a")
    now = 5.0
    recent.note("b")
    recent.note("a")
    now = 14.0
    assert ("a" in recent, "b" in recent, "c" in recent) == (True, True, False)
    recent.note("c")
    assert ("a" in recent, "b" in recent, "c" in recent) == (True, False, True)
    now = 15.0
    assert ("a" in recent, "c" in recent) == (False, True)
