"""What is in a video or audio file, as ffprobe saw it."""

from __future__ import annotations

from tseeder.jobs.v1 import model_pb2 as pb
from tseeder_gateway.api.schemas.wire import View, described

_CODEC = "as FFmpeg calls it; null: not known"
_LANGUAGE = "as the file says it, mostly ISO 639-2; null: it says none"


class VideoStreamView(View):
    """One of the file's video streams."""

    codec: str | None = described(_CODEC, maxLength=32)
    width: int | None = described("pixels", minimum=1)
    height: int | None = described("pixels", minimum=1)
    frame_rate: float | None = described("frames a second, on average")

    @classmethod
    def of(cls, stream: pb.VideoStream) -> VideoStreamView:
        """From jobs' message."""
        return cls(
            codec=stream.codec or None,
            width=stream.width or None,
            height=stream.height or None,
            frame_rate=stream.frame_rate if stream.HasField("frame_rate") else None,
        )


class AudioStreamView(View):
    """One of the file's audio streams."""

    codec: str | None = described(_CODEC, maxLength=32)
    channels: int | None = described(minimum=1)
    language: str | None = described(_LANGUAGE, maxLength=64)

    @classmethod
    def of(cls, stream: pb.AudioStream) -> AudioStreamView:
        """From jobs' message."""
        return cls(codec=stream.codec or None, channels=stream.channels or None, language=stream.language or None)


class SubtitleStreamView(View):
    """One of the subtitles in the file itself; they are listed, and not given out apart."""

    codec: str | None = described(_CODEC, maxLength=32)
    language: str | None = described(_LANGUAGE, maxLength=64)
    title: str | None = described("the file's own words, cut", maxLength=100)

    @classmethod
    def of(cls, stream: pb.SubtitleStream) -> SubtitleStreamView:
        """From jobs' message."""
        return cls(codec=stream.codec or None, language=stream.language or None, title=stream.title or None)


class MediaFactsView(View):
    """What the file says of itself. Whoever made it may have lied; nothing is decided by it."""

    container: str = described("the format: mp4, quicktime, matroska (WebM, too), avi, mpegts, ...", maxLength=32)
    duration_seconds: float | None = described("null: not known", minimum=0)
    bit_rate: int | None = described("bits a second: all of the file, over its duration", minimum=1)
    video: list[VideoStreamView] = described("covers are none", maxItems=64)
    audio: list[AudioStreamView] = described(maxItems=64)
    subtitles: list[SubtitleStreamView] = described(maxItems=64)

    @classmethod
    def of(cls, facts: pb.MediaFacts) -> MediaFactsView:
        """From jobs' message."""
        return cls(
            container=facts.container,
            duration_seconds=facts.duration_seconds if facts.HasField("duration_seconds") else None,
            bit_rate=facts.bit_rate if facts.HasField("bit_rate") else None,
            video=[VideoStreamView.of(stream) for stream in facts.video],
            audio=[AudioStreamView.of(stream) for stream in facts.audio],
            subtitles=[SubtitleStreamView.of(stream) for stream in facts.subtitles],
        )
