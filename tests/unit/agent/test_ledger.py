import random

from hypothesis import given
from hypothesis import strategies as st

from tseeder_agent.domain.ledger import Amounts, Ledger
from tseeder_agent.domain.parts import Part, PartKey
from tseeder_agent.domain.transfer import EntryWish

PIECE = 10


def ledger(*wishes: EntryWish) -> Ledger:
    book = Ledger(PIECE, max(wish.offset + wish.size for wish in wishes))
    book.revise(wishes)
    return book


def taken(book: Ledger) -> list[PartKey]:
    found = []
    while (part := book.take()) is not None:
        found.append(part.key)
    return found


def test_a_part_is_whole_when_every_piece_under_it_is_here() -> None:
    book = ledger(EntryWish(0, 5, 30, part_size=15))  # parts 5..20 and 20..35, pieces 0..3
    assert book.arrived(0) == 0
    assert book.arrived(1) == 1
    assert taken(book) == [PartKey(0, 1)]
    assert book.arrived(3) == 0
    assert book.arrived(2) == 1
    assert taken(book) == [PartKey(0, 2)]


def test_a_piece_that_spans_many_small_files_makes_them_all_whole() -> None:
    book = ledger(*(EntryWish(index, index * 3, 3) for index in range(10)))
    assert book.arrived(0) == 3  # 0..3, 3..6, 6..9; the fourth ends in piece 1
    assert book.arrived(1) == 3
    assert taken(book) == [PartKey(index, 0) for index in range(6)]


def test_only_pieces_under_unfinished_wanted_parts_have_a_priority() -> None:
    book = ledger(
        EntryWish(0, 0, 25, wanted=False),
        EntryWish(1, 25, 30, part_size=15, held=frozenset({2})),
        EntryWish(2, 55, 30, stored=True),
    )
    assert book.priorities() == [0, 0, 4, 4, 0, 0, 0, 0, 0]


def test_a_piece_twice_counts_once() -> None:
    book = ledger(EntryWish(0, 0, 20))
    book.arrived(0)
    assert book.arrived(0) == 0
    assert book.amounts([(0, 0)]) == Amounts(wanted=20, downloaded=10, uploaded=0)


def test_a_part_put_back_can_be_taken_again_and_in_order() -> None:
    book = ledger(EntryWish(0, 0, 40, part_size=10))
    for piece in range(4):
        book.arrived(piece)
    first, second = book.take(), book.take()
    assert isinstance(first, Part)
    assert isinstance(second, Part)
    book.put_back(second.key)
    book.put_back(first.key)
    assert taken(book) == [PartKey(0, number) for number in (1, 2, 3, 4)]


def test_pieces_that_the_disk_lost_are_wanted_again() -> None:
    book = ledger(EntryWish(0, 0, 40, part_size=10))
    for piece in range(4):
        book.arrived(piece)
    part = book.take()
    assert part is not None
    assert book.rebuild([False, True, False, True]) == [0, 2]
    assert taken(book) == [PartKey(0, 2), PartKey(0, 4)]
    book.put_back(part.key)
    assert taken(book) == []
    assert [piece for piece, _ in book.window(4, 10)] == [0, 2]
    book.arrived(0)
    assert taken(book) == [PartKey(0, 1)]


def test_an_entry_is_completed_once_and_stored_once() -> None:
    book = ledger(EntryWish(0, 0, 20, part_size=10), EntryWish(1, 20, 5))
    for piece in range(3):
        book.arrived(piece)
    for key in taken(book):
        book.hold(key)
    assert book.take_whole(10) == [0, 1]
    assert book.take_whole(10) == []
    book.ask_again(1)
    assert book.take_whole(10) == [1]
    book.store(0)
    assert not book.done
    book.store(1)
    assert book.done
    assert book.amounts([(0, 1)]) == Amounts(25, 25, 25)


def test_what_s3_lost_goes_up_again_and_is_fetched_where_it_is_not_here() -> None:
    book = ledger(EntryWish(0, 0, 30, part_size=10, held=frozenset({1, 2})))
    book.arrived(2)
    assert book.amounts([(0, 0)]) == Amounts(30, 30, 20)
    assert taken(book) == [PartKey(0, 3)]
    book.hold(PartKey(0, 3))
    assert book.take_whole(10) == [0]
    book.reset(0, [2])
    assert book.priorities() == [0, 4, 0]
    assert book.needs_pieces()
    book.reset(0)
    assert book.priorities() == [4, 4, 4]
    assert taken(book) == [PartKey(0, 3)]
    assert book.amounts([(0, 0)]) == Amounts(30, 10, 0)


def test_a_new_wish_keeps_what_is_under_way() -> None:
    book = ledger(EntryWish(0, 0, 20, part_size=10), EntryWish(1, 20, 10, wanted=False))
    book.arrived(0)
    book.arrived(2)
    assert taken(book) == [PartKey(0, 1)]
    book.revise([EntryWish(0, 0, 20, part_size=10), EntryWish(1, 20, 10)])
    assert taken(book) == [PartKey(1, 0)]
    book.hold(PartKey(0, 1))
    assert book.amounts([(0, 1)]) == Amounts(30, 20, 10)


def test_an_entry_that_is_completing_is_not_asked_for_twice_after_a_new_wish() -> None:
    wish = EntryWish(0, 0, 10, held=frozenset({0}))
    book = ledger(wish)
    assert book.take_whole(5) == [0]
    book.revise([wish])
    assert book.take_whole(5) == []
    book.ask_again(0)
    assert book.take_whole(5) == [0]


def test_what_nobody_wants_any_more_is_left_alone() -> None:
    book = ledger(EntryWish(0, 0, 20, part_size=10), EntryWish(1, 20, 10))
    book.arrived(0)
    part = book.take()
    assert part is not None
    book.drop(0)
    book.put_back(part.key)
    book.hold(part.key)
    book.reset(0)
    book.arrived(1)
    assert taken(book) == []
    assert book.priorities() == [0, 0, 4]
    assert not book.done
    book.store(1)
    assert book.done


def test_empty_entries_are_done() -> None:
    assert ledger(EntryWish(0, 0, 0), EntryWish(1, 0, 10, stored=True)).done


def test_the_window_counts_large_parts_by_number_and_small_ones_by_size() -> None:
    large = ledger(EntryWish(0, 0, 300, part_size=50))
    assert large.window(2, 20) == [(piece, 1 + piece // 5) for piece in range(10)]
    small = ledger(*(EntryWish(index, index * 10, 10) for index in range(20)))
    assert small.window(2, 30) == [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]


def test_the_window_moves_over_what_is_whole_and_skips_pieces_that_are_here() -> None:
    book = ledger(EntryWish(0, 0, 60, part_size=20))
    book.arrived(0)
    book.arrived(1)
    book.arrived(3)
    assert book.window(2, 20) == [(2, 1), (4, 2), (5, 2)]


def test_the_order_falls_back_when_a_needed_piece_is_nobodys() -> None:
    book = ledger(EntryWish(0, 0, 20), EntryWish(1, 20, 10, wanted=False))
    assert not book.missing([])
    assert not book.missing([0, 0, 0])
    assert not book.missing([1, 2, 0])
    assert book.missing([1, 0, 1]) == 1
    book.arrived(1)
    assert not book.missing([1, 0, 1])


@st.composite
def torrents(draw: st.DrawFn) -> list[EntryWish]:
    wishes, offset = [], 0
    for index in range(draw(st.integers(1, 8))):
        size = draw(st.integers(0, 95))
        part_size = draw(st.sampled_from([0, 7, 10, 25]))
        wishes.append(EntryWish(index, offset, size, wanted=draw(st.booleans()), part_size=part_size))
        offset += size + draw(st.sampled_from([0, 0, 3]))
    return wishes


@given(wishes=torrents(), seed=st.integers(0, 2**32))
def test_every_wanted_byte_goes_up_exactly_once_whatever_the_order(wishes: list[EntryWish], seed: int) -> None:
    chance = random.Random(seed)
    book = Ledger(PIECE, max(wish.offset + wish.size for wish in wishes))
    book.revise(wishes)
    needed = [piece for piece, priority in enumerate(book.priorities()) if priority]
    chance.shuffle(needed)
    sent: dict[PartKey, int] = {}
    for piece in needed:
        book.arrived(piece)
        while (part := book.take()) is not None:
            if chance.random() < 0.3:
                book.put_back(part.key)
                break
            assert part.key not in sent
            sent[part.key] = part.size
            book.hold(part.key)
        if chance.random() < 0.1:
            book.revise([_as_known(wish, sent) for wish in wishes])
    while (part := book.take()) is not None:
        sent[part.key] = part.size
        book.hold(part.key)
    for index in book.take_whole(100):
        book.store(index)
    assert book.done
    assert book.fetched
    wanted = sum(wish.size for wish in wishes if wish.wanted)
    assert sum(sent.values()) == wanted
    chosen = [(wish.file_index, wish.file_index) for wish in wishes if wish.wanted]
    assert book.amounts(chosen) == Amounts(wanted, wanted, wanted)


def _as_known(wish: EntryWish, sent: dict[PartKey, int]) -> EntryWish:
    held = frozenset(key.number for key in sent if key.file_index == wish.file_index)
    return EntryWish(wish.file_index, wish.offset, wish.size, wish.wanted, False, wish.part_size, held)


def test_parts_are_not_taken_too_far_ahead_of_their_entry() -> None:
    book = ledger(EntryWish(0, 0, 60, part_size=10), EntryWish(1, 60, 10))
    for piece in (1, 2, 3, 4, 5, 6):
        book.arrived(piece)
    ahead = []
    while (part := book.take(reach=3)) is not None:
        ahead.append(part.key)
    assert ahead == [PartKey(0, 2), PartKey(0, 3), PartKey(1, 0)]
    book.arrived(0)
    first = book.take(reach=3)
    assert first is not None
    assert first.key == PartKey(0, 1)
    assert book.take(reach=3) is None
    book.hold(PartKey(0, 1))
    assert taken(book) == [PartKey(0, 4), PartKey(0, 5), PartKey(0, 6)]


def test_what_s3_lost_and_is_not_here_has_to_be_asked_for() -> None:
    wish = EntryWish(0, 0, 40, part_size=10, held=frozenset({1, 2}))
    book = ledger(wish)
    book.arrived(1)
    book.reset(0, [2])
    assert not book.wants_more, "its piece is here"
    book.reset(0)
    assert book.wants_more
    book.revise([EntryWish(0, 0, 40, part_size=10)])
    assert not book.wants_more
    assert book.priorities() == [4, 4, 4, 4]


@given(st.randoms(use_true_random=False))
def test_the_sums_of_a_selection_are_kept_up_to_date(chance: random.Random) -> None:
    sizes = [chance.randrange(0, 45) for _ in range(8)]
    offsets = [sum(sizes[:index]) for index in range(8)]
    book = Ledger(PIECE, max(sum(sizes), 1))
    book.revise(EntryWish(index, offsets[index], sizes[index], part_size=chance.choice((0, 15))) for index in range(8))
    selections = [((0, 7),), ((0, 0), (2, 4), (7, 7)), ((5, 6),), ()]
    for _ in range(60):
        _happen(book, chance)
        for kept in selections:
            assert book.amounts(kept) == book.amounts(list(kept)), "the one is kept, the other is counted anew"


def _happen(book: Ledger, chance: random.Random) -> None:
    match chance.randrange(10):
        case 0:
            book.reset(chance.randrange(8), chance.choice((None, [1], [2])))
        case 1:
            book.store(chance.randrange(8))
        case 2 if chance.random() < 0.2:
            book.drop(chance.randrange(8))
        case 3 if chance.random() < 0.3:
            book.rebuild([chance.random() < 0.5 for _ in range(book.piece_count)])
        case 4 | 5:
            part = book.take()
            if part is not None:
                (book.hold if chance.random() < 0.8 else book.put_back)(part.key)
            book.take_whole(chance.randrange(1, 3))
        case _:
            book.arrived(chance.randrange(book.piece_count))


def test_disk_is_counted_in_whole_pieces() -> None:
    unwanted = EntryWish(2, 22, 10, wanted=False)
    book = ledger(EntryWish(0, 0, 2), EntryWish(1, 2, 20), unwanted, EntryWish(3, 32, 1))
    assert (book.disk_bytes, book.here_bytes) == (33, 0)  # pieces 0 to 3, of which the last is short
    book.revise([EntryWish(0, 0, 2), EntryWish(1, 2, 20, wanted=False), unwanted])
    assert book.disk_bytes == PIECE
    book.arrived(1)
    assert (book.disk_bytes, book.here_bytes) == (20, 10)  # what came for others is on the disk all the same
