"""What ffprobe says of a file, checked: a stranger made the file, and so wrote this."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final

MAX_SECONDS: Final = 10 * 86400
MAX_STREAMS: Final = 64
MAX_BIT_RATE: Final = 100_000_000_000
MAX_SIDE: Final = 65_536
MAX_FRAME_RATE: Final = 1000
MAX_CHANNELS: Final = 255
MAX_TITLE_CHARS: Final = 100

CONTAINERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "matroska,webm": "matroska",
        "mov,mp4,m4a,3gp,3g2,mj2": "mp4",
        "avi": "avi",
        "mpegts": "mpegts",
        "mpeg": "mpeg",
        "asf": "asf",
        "flv": "flv",
        "ogg": "ogg",
        "mp3": "mp3",
        "flac": "flac",
        "wav": "wav",
        "w64": "wav",
        "aac": "aac",
        "mpegvideo": "mpegvideo",
    }
)
"""By ffprobe's name for its reader. There is none among them that goes by the address of anything else (playlists,
lists of files, sequences of images): those are not read at all."""
READERS: Final = ",".join(CONTAINERS)

_CODEC: Final = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_RATIO: Final = re.compile(r"([0-9]{1,10})/([0-9]{1,10})")


@dataclass(frozen=True, slots=True)
class VideoStream:
    """`codec` "" and sides of 0: not known."""

    codec: str
    width: int
    height: int
    frame_rate: float | None


@dataclass(frozen=True, slots=True)
class AudioStream:
    """`codec` and `language` "", `channels` 0: not known."""

    codec: str
    channels: int
    language: str


@dataclass(frozen=True, slots=True)
class SubtitleStream:
    """In the file itself. `codec`, `language` and `title` "": not known."""

    codec: str
    language: str
    title: str


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What is in a file. `bit_rate`: bits a second of all of it, over its duration."""

    container: str
    duration_seconds: float | None
    bit_rate: int | None
    video: tuple[VideoStream, ...]
    audio: tuple[AudioStream, ...]
    subtitles: tuple[SubtitleStream, ...]


def parse_facts(output: bytes, size_bytes: int) -> MediaFacts | None:
    """From ffprobe's JSON, of a file of so many bytes; None for what says nothing of a container or streams that are
    known here."""
    try:
        told = _mapping(json.loads(output))
    except (ValueError, RecursionError):
        return None
    form = _mapping(told.get("format"))
    container = CONTAINERS.get(_text(form.get("format_name")))
    video, audio, subtitles = _streams(told.get("streams"))
    if container is None or not (video or audio or subtitles):
        return None
    if container == "mp4" and _text(_tags(form).get("major_brand")).strip() == "qt":
        container = "quicktime"
    seconds = _number(form.get("duration"), MAX_SECONDS)
    return MediaFacts(container, seconds, _bit_rate(form, size_bytes, seconds), video, audio, subtitles)


def facts_to_json(facts: MediaFacts) -> str:
    """As rows keep them."""
    return json.dumps(asdict(facts))


def facts_from_json(text: str) -> MediaFacts:
    """As `facts_to_json` wrote them."""
    kept: dict[str, Any] = json.loads(text)
    return MediaFacts(
        container=kept["container"],
        duration_seconds=kept["duration_seconds"],
        bit_rate=kept["bit_rate"],
        video=tuple(VideoStream(**each) for each in kept["video"]),
        audio=tuple(AudioStream(**each) for each in kept["audio"]),
        subtitles=tuple(SubtitleStream(**each) for each in kept["subtitles"]),
    )


def _bit_rate(form: Mapping[str, Any], size_bytes: int, seconds: float | None) -> int | None:
    """The file says one, too, but what it takes to play it is its size over its time."""
    rate = size_bytes * 8 / seconds if seconds else _number(form.get("bit_rate"), MAX_BIT_RATE)
    return int(rate) if rate is not None and 1 <= rate <= MAX_BIT_RATE else None


def _streams(
    told: object,
) -> tuple[tuple[VideoStream, ...], tuple[AudioStream, ...], tuple[SubtitleStream, ...]]:
    """The first MAX_STREAMS of those that are played; a cover is a picture, and none of them."""
    video: list[VideoStream] = []
    audio: list[AudioStream] = []
    subtitles: list[SubtitleStream] = []
    for stream in map(_mapping, told if isinstance(told, list) else ()):
        codec, tags = _matching(_CODEC, stream.get("codec_name")), _tags(stream)
        language = _matching(_LANGUAGE, tags.get("language")).lower()
        language = "" if language == "und" else language
        match stream.get("codec_type"):
            case "video" if not _mapping(stream.get("disposition")).get("attached_pic"):
                sides = (_count(stream.get("width"), MAX_SIDE), _count(stream.get("height"), MAX_SIDE))
                video.append(VideoStream(codec, *sides, _frame_rate(stream.get("avg_frame_rate"))))
            case "audio":
                audio.append(AudioStream(codec, _count(stream.get("channels"), MAX_CHANNELS), language))
            case "subtitle":
                subtitles.append(SubtitleStream(codec, language, _title(tags.get("title"))))
        if len(video) + len(audio) + len(subtitles) == MAX_STREAMS:
            break
    return tuple(video), tuple(audio), tuple(subtitles)


def _tags(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Their names in lower case: some formats have them in capitals."""
    return {str(name).lower(): value for name, value in _mapping(told.get("tags")).items()}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _matching(pattern: re.Pattern[str], value: object) -> str:
    text = _text(value)
    return text if pattern.fullmatch(text) else ""


def _count(value: object, most: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else 0


def _number(value: object, most: float) -> float | None:
    """Of a text with digits, above 0 and not above `most`."""
    number = float(_matching(_NUMBER, value) or 0)
    return number if 0 < number <= most else None


def _frame_rate(value: object) -> float | None:
    ratio = _RATIO.fullmatch(_text(value))
    if ratio is None or int(ratio[2]) == 0:
        return None
    rate = int(ratio[1]) / int(ratio[2])
    return round(rate, 3) if 0 < rate <= MAX_FRAME_RATE else None


def _title(value: object) -> str:
    """In one line, cut, and without characters that do not show, or turn what stands around them."""
    text = unicodedata.normalize("NFC", _text(value)[: 4 * MAX_TITLE_CHARS])
    kept = (" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in text)
    shown = "".join(char for char in kept if unicodedata.category(char)[0] != "C")
    return " ".join(shown.split())[:MAX_TITLE_CHARS]
