"""Progress that cannot be true."""

from __future__ import annotations

from typing import Any

import pytest

from tseeder.agent.v1.progress_pb2 import Progress
from tseeder_gateway.domain.believable import is_believable


def told(**changes: int) -> Progress:
    fields: dict[str, Any] = {"wanted_bytes": 100, "downloaded_bytes": 50, "uploaded_bytes": 40, "epoch": 3}
    return Progress(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "last"),
    [
        ({}, None),
        ({}, {}),
        ({"downloaded_bytes": 100, "uploaded_bytes": 100}, {}),
        ({"wanted_bytes": 0, "downloaded_bytes": 0, "uploaded_bytes": 0}, {}),
        ({"epoch": 4, "downloaded_bytes": 0, "uploaded_bytes": 0}, {}),
        ({"downloaded_bytes": 49}, {}),
        ({"uploaded_bytes": 60}, {}),
    ],
)
def test_what_can_be_true(changes: dict[str, int], last: dict[str, int] | None) -> None:
    assert is_believable(told(**changes), None if last is None else told(**last))


@pytest.mark.parametrize(
    "changes",
    [
        {"downloaded_bytes": 101},
        {"uploaded_bytes": 101},
        {"epoch": 2},
        *(
            {name: -1}
            for name in ("wanted_bytes", "downloaded_bytes", "uploaded_bytes", "download_rate", "upload_rate")
        ),
        *({name: -1} for name in ("peers", "seeds", "eta_seconds", "epoch")),
    ],
)
def test_what_cannot(changes: dict[str, int]) -> None:
    assert not is_believable(told(**changes), told())
