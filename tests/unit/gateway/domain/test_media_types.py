"""What browsers may show in place."""

from __future__ import annotations

import pytest

from tseeder_gateway.domain.media_types import DOWNLOAD, INLINE, OCTETS, served_as
from tseeder_jobs.domain import media_types as of_jobs

RUNS = ("html", "svg", "xml", "javascript", "pdf", "css", "flash", "xsl")


def test_nothing_that_a_browser_runs_is_shown_in_place() -> None:
    assert not [kind for kind in INLINE if any(word in kind for word in RUNS)]
    assert not INLINE & DOWNLOAD


@pytest.mark.parametrize(
    "kind", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript", "", "x", "*/*"]
)
def test_what_is_not_listed_is_a_download_of_unknown_bytes(kind: str) -> None:
    assert served_as(kind) == (OCTETS, False)


def test_parameters_and_case_do_not_get_past_the_list() -> None:
    assert served_as("Video/MP4; codecs=x") == ("video/mp4", True)
    assert served_as("text/html;video/mp4") == (OCTETS, False)
    assert served_as("application/pdf") == ("application/pdf", False)


def test_every_type_that_jobs_names_is_known_here() -> None:
    named = {of_jobs.media_type([f"x.{extension}"]) for extension in of_jobs._BY_EXTENSION}
    assert named - INLINE - DOWNLOAD == set()
