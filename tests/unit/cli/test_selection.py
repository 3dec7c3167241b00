"""File selections as people write them."""

from __future__ import annotations

import pytest

from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.selection import parse_selection


def test_indexes_and_ranges() -> None:
    assert parse_selection("0,2,5-9") == [0, 2, 5, 6, 7, 8, 9]
    assert parse_selection(" 3 , 1-1, 3") == [1, 3]


@pytest.mark.parametrize("text", ["", ",", "a", "-1", "5-", "9-5", "1;2", "0-999999999", "٣"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(CliError) as caught:
        parse_selection(text)
    assert caught.value.code == "bad_selection"
    assert caught.value.exit_code == ExitCode.USAGE
