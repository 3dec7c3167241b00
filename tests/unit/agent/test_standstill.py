from tseeder_agent.domain.standstill import LONGEST_PAUSE_SECONDS, Answer, Standstill
from tseeder_agent.domain.swarm_view import SwarmView

FORGOTTEN = SwarmView(unhashed=frozenset({7}), peers=1)


def lacks_all(_piece: int) -> bool:
    return True


def test_while_something_comes_nobody_looks() -> None:
    still = Standstill(30, now=0)
    for now in range(0, 200, 5):
        assert still.saw(now + 1, 0, now) == 0
        assert not still.wants_view(suspicious=False, now=now)


def test_a_piece_is_as_good_as_bytes() -> None:
    still = Standstill(30, now=0)
    assert still.saw(0, 20, 35) == 15
    assert not still.wants_view(suspicious=False, now=35)
    assert still.wants_view(suspicious=False, now=50)


def test_after_a_while_all_are_asked_again_and_then_less_often() -> None:
    still = Standstill(30, now=0)
    asked = []
    for now in range(0, 3600, 5):
        still.saw(0, 0, now)
        if still.wants_view(suspicious=False, now=now):
            assert still.judge(SwarmView(), lacks_all, may_begin_again=True, now=now) is Answer.ASKED_AGAIN
            asked.append(now)
    assert asked[:4] == [30, 90, 210, 450]
    assert asked[-1] - asked[-2] == LONGEST_PAUSE_SECONDS
    still.saw(1, 0, 3600)
    assert still.wants_view(suspicious=False, now=3630)


def test_a_piece_that_is_neither_right_nor_wrong_at_two_looks_is_forgotten() -> None:
    still = Standstill(30, now=0)
    assert still.wants_view(suspicious=True, now=5)
    assert still.judge(FORGOTTEN, lacks_all, may_begin_again=True, now=5) is None
    assert still.wants_view(suspicious=False, now=10), "it would not be looked at again"
    assert still.judge(FORGOTTEN, lacks_all, may_begin_again=True, now=10) is Answer.BEGUN_AGAIN


def test_a_piece_that_is_being_hashed_is_not_forgotten() -> None:
    still = Standstill(30, now=0)
    for now, piece in enumerate((7, 8, 7, 9)):
        view = SwarmView(unhashed=frozenset({piece}))
        assert still.judge(view, lacks_all, may_begin_again=True, now=now) is None


def test_a_piece_that_nobody_waits_for_may_be_forgotten() -> None:
    still = Standstill(30, now=0)
    for now in (5, 10, 15):
        assert still.judge(FORGOTTEN, lambda piece: piece != 7, may_begin_again=True, now=now) is None


def test_it_is_not_begun_again_before_its_time() -> None:
    still = Standstill(30, now=0)
    for now in (5, 10, 15):
        assert still.judge(FORGOTTEN, lacks_all, may_begin_again=False, now=now) is None
    assert still.judge(FORGOTTEN, lacks_all, may_begin_again=False, now=30) is Answer.ASKED_AGAIN
    assert still.judge(FORGOTTEN, lacks_all, may_begin_again=True, now=35) is Answer.BEGUN_AGAIN
