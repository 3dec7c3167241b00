"""Media facts, as the wire says them."""

from __future__ import annotations

from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.domain.media_facts import MediaFacts


def media_to_wire(facts: MediaFacts) -> model.MediaFacts:
    """What is not known stays absent."""
    return model.MediaFacts(
        container=facts.container,
        duration_seconds=facts.duration_seconds,
        bit_rate=facts.bit_rate,
        video=[
            model.VideoStream(codec=each.codec, width=each.width, height=each.height, frame_rate=each.frame_rate)
            for each in facts.video
        ],
        audio=[
            model.AudioStream(codec=each.codec, channels=each.channels, language=each.language) for each in facts.audio
        ],
        subtitles=[
            model.SubtitleStream(codec=each.codec, language=each.language, title=each.title) for each in facts.subtitles
        ],
    )
