"""JSON that two readers could read differently is refused, each with its own code."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tseeder_gateway.domain.strict_json import MAX_DEPTH, parse
from tseeder_kit.errors import AppError, Kind


def code_of(body: bytes) -> str:
    with pytest.raises(AppError) as caught:
        parse(body)
    assert caught.value.kind is Kind.INVALID
    return caught.value.code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "json_invalid"),
        (b"{", "json_invalid"),
        (b"{'a': 1}", "json_invalid"),
        (b'{"a": 1} x', "json_invalid"),
        (b'{"a": 01}', "json_invalid"),
        (b'{"a": "\n"}', "json_invalid"),
        (b'{"a": "\x00"}', "json_invalid"),
        (b"\xef\xbb\xbf{}", "json_invalid"),
        (b'{"a": "\xff"}', "json_not_utf8"),
        (b'{"a": "\xed\xa0\x80"}', "json_not_utf8"),
        ('{"a": 1}'.encode("utf-16"), "json_not_utf8"),
        (b'{"a": 1, "a": 1}', "json_duplicate_key"),
        (b'{"a": {"b": 1, "\\u0062": 2}}', "json_duplicate_key"),
        (b'{"a": NaN}', "json_number_not_finite"),
        (b'{"a": Infinity}', "json_number_not_finite"),
        (b'{"a": -Infinity}', "json_number_not_finite"),
        (b'{"a": 1e999}', "json_number_not_finite"),
        (b'{"a": 9223372036854775808}', "json_number_too_large"),
        (b'{"a": -9223372036854775809}', "json_number_too_large"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "json_number_too_large"),
        (b'{"a": "\\ud800"}', "json_lone_surrogate"),
        (b'{"\\udc00": 1}', "json_lone_surrogate"),
        (b'{"a": ["x", {"b": "\\ud83d"}]}', "json_lone_surrogate"),
        (b'{"a": "x\\u0000"}', "json_nul"),
        (b'{"\\u0000": 1}', "json_nul"),
        (b"[" * 33 + b"]" * 33, "json_too_deep"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "json_too_deep"),
        (b"[" * 1_000_000, "json_too_deep"),
    ],
)
def test_each_fault_has_its_code(body: bytes, code: str) -> None:
    assert code_of(body) == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'"' + b'\\"' * 500_000 + b"[" * 33, "json_invalid"),
        (b'["' + b"[" * 33 + b"\\", "json_invalid"),
        (b"{" + b"".join(b'"%d":1,' % number for number in range(100_000)) + b'"99999":1}', "json_duplicate_key"),
    ],
)
def test_a_mib_of_malice_is_read_in_one_pass(body: bytes, code: str) -> None:
    # Anybody may send it to where people sign in. Were each character looked at for each other one, this would take
    # from a minute to an hour.
    assert code_of(body) == code


def test_the_key_that_came_twice_is_named() -> None:
    with pytest.raises(AppError) as caught:
        parse(b'{"a": 1, "b": 2, "b": 3}')
    assert [field.field for field in caught.value.fields] == ["b"]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b" null ", None),
        (b'{"a": 9223372036854775807, "b": -9223372036854775808}', {"a": 2**63 - 1, "b": -(2**63)}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)),
        (b'["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\"[["]', ["[" * 36 + '"[[']),
        (b"[1, 2.5, -0, 1e3, true, false]", [1, 2.5, 0, 1000.0, True, False]),
    ],
)
def test_what_is_sound_is_read(body: bytes, value: Any) -> None:
    assert parse(body) == value


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\0")), inner)
    ),
    max_leaves=20,
)


@given(value=_values, ascii_only=st.booleans())
def test_what_json_writes_is_read_back(value: Any, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(body=st.binary(max_size=80))
def test_no_bytes_break_it(body: bytes) -> None:
    with suppress(AppError):
        parse(body)
