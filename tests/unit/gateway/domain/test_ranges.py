"""The Range header, against RFC 9110 and against a reader that takes its time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tseeder_gateway.domain.ranges import MAX_RANGES, ByteRange, satisfiable


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", [(0, 0)]),
        ("bytes=0-", [(0, 99)]),
        ("bytes=10-19", [(10, 19)]),
        ("bytes=90-1000", [(90, 99)]),
        ("bytes=-1", [(99, 99)]),
        ("bytes=-1000", [(0, 99)]),
        ("BYTES=5-6", [(5, 6)]),
        ("bytes= 5-6 , 8-9", [(5, 6), (8, 9)]),
        ("bytes=,,5-6,,", [(5, 6)]),
        ("bytes=9-9,0-0", [(9, 9), (0, 0)]),
        ("bytes=0-0,100-200", [(0, 0)]),
        ("bytes=00000000000000000000000005-6", [(5, 6)]),
        ("bytes=5-99999999999999999999999999999", [(5, 99)]),
        ("bytes=-99999999999999999999999999999", [(0, 99)]),
        ("bytes=0-10,5-20", [(0, 10), (5, 20)]),
    ],
)
def test_what_can_be_satisfied_is(header: str, expected: list[tuple[int, int]]) -> None:
    assert satisfiable(header, 100) == tuple(ByteRange(*each) for each in expected)


@pytest.mark.parametrize(
    "header",
    [
        "bytes=-0",
        "bytes=100-",
        "bytes=100-200",
        "bytes=18446744073709551616-",
        "bytes=" + "9" * 8000 + "-",
        "bytes=-00",
    ],
)
def test_what_exists_nowhere_is_unsatisfiable(header: str) -> None:
    assert satisfiable(header, 100) == ()


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=1-2x",
        "bytes=+1-2",
        "bytes=1 -2",
        "bytes=0-1,5-4",
        "bytes=٠-٩",
        "items=0-1",
        "none",
        "bytes 0-1",
        "bytes=0x1-2",
        "bytes=1-2-3",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(MAX_RANGES + 1)),
        "bytes=" + ",".join("0-" for _ in range(1000)),
        "bytes=0-,0-",
        "bytes=0-1" + " " * 10_000,
    ],
)
def test_what_is_not_understood_or_abused_is_ignored(header: str | None) -> None:
    assert satisfiable(header, 100) is None


def test_an_empty_file_has_a_suffix_but_no_byte() -> None:
    assert satisfiable("bytes=-5", 0) is None
    assert satisfiable("bytes=-0", 0) == ()
    assert satisfiable("bytes=0-", 0) == ()
    assert satisfiable("bytes=0-0", 0) == ()


_number = st.integers(min_value=0, max_value=10**25)
_spec = st.one_of(
    st.tuples(_number, _number),
    st.tuples(_number, st.none()),
    st.tuples(st.none(), _number),
    st.tuples(st.integers(0, 50), st.integers(0, 50)),
)


def _text(spec: tuple[int | None, int | None]) -> str:
    first, last = spec
    return f"{'' if first is None else first}-{'' if last is None else last}"


def _reference(spec: tuple[int | None, int | None], size: int) -> list[int]:
    """The positions that a spec selects, one by one."""
    first, last = spec
    if first is None:
        return [at for at in range(size) if at >= size - (last or 0)]
    return [at for at in range(size) if at >= first and (last is None or at <= last)]


@given(specs=st.lists(_spec, min_size=1, max_size=MAX_RANGES), size=st.integers(1, 60))
def test_every_selected_byte_is_sent_and_no_other(specs: list[tuple[int | None, int | None]], size: int) -> None:
    found = satisfiable("bytes=" + ",".join(_text(spec) for spec in specs), size)
    if any(first is not None and last is not None and last < first for first, last in specs):
        assert found is None
        return
    wanted = [positions for spec in specs if (positions := _reference(spec, size))]
    if len(wanted) > 1 and sum(map(len, wanted)) > size:
        assert found is None
        return
    assert found is not None
    assert [list(range(part.first, part.last + 1)) for part in found] == wanted
    assert [part.length for part in found] == [len(each) for each in wanted]


@given(header=st.text(max_size=60), size=st.integers(0, 1000))
def test_no_text_breaks_it(header: str, size: int) -> None:
    for value in (header, f"bytes={header}"):
        for part in satisfiable(value, size) or ():
            assert 0 <= part.first <= part.last < size
