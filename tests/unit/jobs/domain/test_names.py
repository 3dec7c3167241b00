"""What a user may call a job."""

from __future__ import annotations

import pytest

from tseeder_jobs.domain.names import job_name
from tseeder_kit.errors import AppError, Kind


@pytest.mark.parametrize(
    "text",
    ["a" * 256, "nul\0", "line\nfeed", "esc\x1b[31m", "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe", "a\N{LINE SEPARATOR}x"],
)
def test_names_that_would_act_on_who_reads_them(text: str) -> None:
    with pytest.raises(AppError) as caught:
        job_name(text)
    assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "bad_name")
    assert caught.value.fields[0].field == "name"


@pytest.mark.parametrize("text", ["", "a" * 255, "Grüße 日本語 👋", "  trimmed "])
def test_names_that_are_fine(text: str) -> None:
    assert job_name(text) == text.strip()


def test_names_that_look_the_same_are_the_same() -> None:
    assert job_name("Caf\u0065\u0301") == job_name("Caf\u00e9") == "Caf\u00e9"
    assert job_name("e\u0301" * 255) == "\u00e9" * 255  # counted as it is kept
