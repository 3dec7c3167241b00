"""Files as a query names them."""

from __future__ import annotations

import pytest

from tseeder_gateway.domain.file_ranges import MAX_RANGES, file_ranges
from tseeder_kit.errors import AppError, Kind


def test_ranges() -> None:
    assert file_ranges("0-3,7") == ((0, 3), (7, 7))
    assert file_ranges("9,0-0,007") == ((9, 9), (0, 0), (7, 7))
    assert len(file_ranges(",".join(["1"] * MAX_RANGES))) == MAX_RANGES


@pytest.mark.parametrize(
    "text",
    [
        *["", ",", "1,", "-1", "1-", "3-2", "a", "1 ", " 1", "1-2-3", "+1", "1.0", "12345678", "١", "0x1", "1;2"],
        ",".join(["1"] * (MAX_RANGES + 1)),
        "0" * 5000,
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(AppError) as caught:
        file_ranges(text)
    assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "bad_file_ranges")
    assert [field.field for field in caught.value.fields] == ["files"]
