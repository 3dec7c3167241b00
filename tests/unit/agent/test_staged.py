from tseeder_agent.domain.staged import Slot, Span, StagedLayout

LAYOUT = StagedLayout([Slot(0, 0, 10), Slot(1, 10, 6, pad=True), Slot(2, 16, 0), Slot(3, 16, 20), Slot(4, 36, 4)])


def test_bytes_lie_in_the_files_that_cover_them() -> None:
    assert list(LAYOUT.spans(18, 20)) == [Span(3, 2, 18), Span(4, 0, 2)]


def test_pads_and_what_nothing_covers_are_zeros() -> None:
    assert list(LAYOUT.spans(8, 10)) == [Span(0, 8, 2), Span(None, 0, 6), Span(3, 0, 2)]
    assert list(LAYOUT.spans(38, 5)) == [Span(4, 2, 2), Span(None, 0, 3)]


def test_entries_are_matched_by_place_and_size_and_never_with_a_pad() -> None:
    assert LAYOUT.holds(16, 20)
    assert not LAYOUT.holds(16, 19)
    assert not LAYOUT.holds(10, 6)
    assert not LAYOUT.holds(17, 19)
    assert LAYOUT.total_bytes == 40
