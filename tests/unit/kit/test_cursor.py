"""Cursors go round, and nothing else is taken for one."""

import pytest

from tseeder_kit.cursor import MAX_CURSOR_CHARS, Value, decode, derive_key, encode
from tseeder_kit.errors import AppError, Kind

KEY = derive_key(b"secret", "a list")


@pytest.mark.parametrize("values", [[], [1], ["a", 2, "ü\u202e\0"], [2**63, -1, ""]])
def test_a_cursor_gives_back_its_values(values: list[Value]) -> None:
    text = encode(KEY, values)
    assert decode(KEY, text) == values
    assert text.isascii()
    assert not set(text) & set("+/=&?# ")


@pytest.mark.parametrize(
    "text",
    ["", "x", "AAAA", "=", "a b", "ä", "!" * 20, "A" * (MAX_CURSOR_CHARS + 4), encode(KEY, ["u"]) + "A"],
)
def test_what_was_not_given_out_is_refused(text: str) -> None:
    with pytest.raises(AppError) as caught:
        decode(KEY, text)
    assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "bad_cursor")


def test_every_changed_byte_is_noticed() -> None:
    text = encode(KEY, ["user", 7])
    for at in range(len(text) - 1):
        with pytest.raises(AppError):
            decode(KEY, text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :])


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(AppError):
        decode(derive_key(b"secret", "another list"), encode(KEY, [1]))
