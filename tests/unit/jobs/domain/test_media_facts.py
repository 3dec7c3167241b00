"""What ffprobe says is a stranger's words: only what is believable of it is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tseeder_jobs.domain.media_facts import (
    MAX_STREAMS,
    AudioStream,
    MediaFacts,
    SubtitleStream,
    VideoStream,
    facts_from_json,
    facts_to_json,
    parse_facts,
)

VIDEO = {"codec_type": "video", "codec_name": "h264", "width": 1920, "height": 1080, "avg_frame_rate": "24000/1001"}
FORMAT = {"format_name": "matroska,webm", "duration": "100.500000", "bit_rate": "1"}


def told(streams: Any = (VIDEO,), **form: Any) -> MediaFacts | None:
    return parse_facts(json.dumps({"format": {**FORMAT, **form}, "streams": streams}).encode(), 1_005_000)


def test_a_film() -> None:
    audio = {"codec_type": "audio", "codec_name": "ac3", "channels": 6, "tags": {"LANGUAGE": "eng"}}
    subtitle = {"codec_type": "subtitle", "codec_name": "subrip", "tags": {"language": "und", "title": " S\u202eD\nH "}}
    cover = {"codec_type": "video", "codec_name": "mjpeg", "disposition": {"attached_pic": 1}}
    facts = told([VIDEO, audio, subtitle, cover, {"codec_type": "data"}, {"codec_type": "attachment"}])
    assert facts == MediaFacts(
        container="matroska",
        duration_seconds=100.5,
        bit_rate=80_000,  # of its size, whatever it says itself
        video=(VideoStream("h264", 1920, 1080, 23.976),),
        audio=(AudioStream("ac3", 6, "eng"),),
        subtitles=(SubtitleStream("subrip", "", "SD H"),),
    )
    assert facts_from_json(facts_to_json(facts)) == facts


@pytest.mark.parametrize("duration", ["nan", "inf", "-1", "0", "864000.1", "1e3", "9" * 400, "", 5, None, [], "٣"])
def test_a_duration_that_is_none(duration: Any) -> None:
    facts = told(duration=duration)
    assert facts is not None
    assert (facts.duration_seconds, facts.bit_rate) == (None, 1)


@pytest.mark.parametrize("rate", ["0", "-5", "nan", "9" * 12, None, {}, True])
def test_a_bit_rate_that_is_none(rate: Any) -> None:
    facts = told(duration=None, bit_rate=rate)
    assert facts is not None
    assert facts.bit_rate is None


@pytest.mark.parametrize(
    "stream",
    [
        {"codec_name": "H264\n", "width": -1, "height": 2**40, "avg_frame_rate": "0/0"},
        {"codec_name": "x" * 33, "width": True, "height": "1080", "avg_frame_rate": "1/0"},
        {"codec_name": None, "width": 1.5, "height": None, "avg_frame_rate": "1001/1"},
        {"codec_name": ["h264"], "width": [], "avg_frame_rate": 25, "tags": [], "disposition": 7},
        {},
    ],
)
def test_a_video_stream_of_which_nothing_is_believable(stream: dict[str, Any]) -> None:
    facts = told([{"codec_type": "video", **stream}])
    assert facts is not None
    assert facts.video == (VideoStream("", 0, 0, None),)


def test_languages_titles_and_how_many_streams() -> None:
    languages = ["pt-BR", "e", "x" * 99, "en\0", 5, "eng eng"]
    audio = [{"codec_type": "audio", "channels": 256, "tags": {"language": each}} for each in languages]
    facts = told(audio)
    assert facts is not None
    assert facts.audio == (AudioStream("", 0, "pt-br"), *[AudioStream("", 0, "")] * 5)
    titles = ["x" * 10_000, "\u200b\u2066\x1b[31m", "a\u2028b", 7]
    facts = told([{"codec_type": "subtitle", "tags": {"title": each}} for each in titles])
    assert facts is not None
    assert [each.title for each in facts.subtitles] == ["x" * 100, "[31m", "a b", ""]
    facts = told([VIDEO] * 1000)
    assert facts is not None
    assert len(facts.video) == MAX_STREAMS


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"format": 1, "streams": 2}',
        b'{"format": {"format_name": "hls"}, "streams": [{"codec_type": "video"}]}',
        b'{"format": {"format_name": "matroska,webm"}, "streams": [{"codec_type": "data"}, 7, null]}',
        b'{"format": {"format_name": "matroska,webm"}, "streams": {"codec_type": "video"}}',
    ],
)
def test_what_says_nothing(output: bytes) -> None:
    assert parse_facts(output, 1000) is None


@pytest.mark.parametrize(("brand", "container"), [("qt  ", "quicktime"), ("isom", "mp4"), (None, "mp4"), (7, "mp4")])
def test_quicktime_and_mp4_have_one_reader(brand: Any, container: str) -> None:
    facts = told(format_name="mov,mp4,m4a,3gp,3g2,mj2", tags={"major_brand": brand})
    assert facts is not None
    assert facts.container == container
