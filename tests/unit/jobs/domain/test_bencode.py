"""The bencode reader: what it takes, where it says that things stand, what it costs, and that it never breaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tseeder_jobs.domain.bencode import Limits, decode
from tseeder_kit.errors import AppError
from tseeder_testkit.bencoding import bencode

INT64 = st.integers(min_value=-(2**63), max_value=2**63 - 1)
VALUES = st.recursive(
    INT64 | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.binary(max_size=8), inner, max_size=5),
    max_leaves=30,
)


@given(VALUES)
def test_what_was_encoded_comes_back(value: Any) -> None:
    assert decode(bencode(value)).value == value


@given(st.dictionaries(st.binary(max_size=8), VALUES, max_size=6))
def test_spans_give_the_exact_bytes_of_each_outermost_value(value: Mapping[bytes, Any]) -> None:
    data = bencode(value)
    spans = decode(data).spans
    assert {key: data[start:end] for key, (start, end) in spans.items()} == {k: bencode(v) for k, v in value.items()}


@given(VALUES, st.data())
def test_a_part_of_a_document_is_refused(value: Any, data: st.DataObject) -> None:
    whole = bencode(value)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(AppError) as caught:
        decode(cut)
    assert caught.value.code in {"torrent_truncated", "torrent_empty"}


@given(st.binary(max_size=200) | st.text("dli0123456789e:-", max_size=60).map(str.encode))
def test_any_bytes_are_taken_or_refused_with_a_code(data: bytes) -> None:
    value = _value_or_code(data)
    if not isinstance(value, str):
        assert bencode(value) == data or b"d" in data  # only keys may stand in another order


@given(VALUES, st.data())
def test_flipped_bytes_are_taken_or_refused_with_a_code(value: Any, data: st.DataObject) -> None:
    raw = bytearray(bencode(value))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    _value_or_code(bytes(raw))


def _value_or_code(data: bytes) -> Any:
    try:
        return decode(data).value
    except AppError as exc:
        return exc.code


def test_keys_out_of_order_are_taken_and_keep_their_order() -> None:
    value = decode(b"d1:bi1e1:ai2ee").value
    assert isinstance(value, dict)
    assert list(value) == [b"b", b"a"]


def test_the_limits_are_exact() -> None:
    deep = b"l" * 32 + b"e" * 32
    assert decode(deep).value
    for data, limits, code in (
        (b"l" + deep + b"e", Limits(), "torrent_too_deep"),
        (b"le" + b"", Limits(size_bytes=1), "torrent_too_large"),
        (b"l0:0:e", Limits(tokens=2), "torrent_too_many_tokens"),
    ):
        with pytest.raises(AppError) as caught:
            decode(data, limits)
        assert caught.value.code == code
    assert decode(b"l0:0:e", Limits(tokens=3)).value == [b"", b""]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"i1x", "bad_integer"),
        (b"ie", "bad_integer"),
        (b"i-e", "bad_integer"),
        (b"i--1e", "bad_integer"),
        (b"i+1e", "bad_integer"),
        (b"i 1e", "bad_integer"),
        (b"i-9223372036854775809e", "integer_too_long"),
        (b"00:", "bad_string_length"),
        (b"1 :a", "bad_string_length"),
        (b"99999999999999999999999999:", "bad_string_length"),
        (b"9999999999:abc", "truncated"),
        (b"d1:ae", "not_bencode"),
        (b"di1ei1ee", "not_bencode"),
        (b"dlei1ee", "not_bencode"),
        (b"l-1:ae", "not_bencode"),
        (b"e", "not_bencode"),
        (b"d1:ai1e1:ai1ee", "duplicate_key"),
        (b"i1ei1e", "trailing_bytes"),
    ],
)
def test_malformed_documents_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(AppError) as caught:
        decode(data)
    assert caught.value.code == f"torrent_{code}"


def test_the_widest_numbers_are_taken() -> None:
    assert decode(b"i-9223372036854775808e").value == -(2**63)
    assert decode(b"i9223372036854775807e").value == 2**63 - 1
