"""For how long nothing useful came."""

from __future__ import annotations

from tseeder_agent.domain.quiet import Quiet


def test_useful_bytes_and_right_pieces_break_the_quiet() -> None:
    quiet = Quiet(0, now=100)
    assert quiet.saw(0, 90, now=130) == 30
    assert quiet.saw(5, 90, now=140) == 0
    assert quiet.saw(5, 145, now=150) == 5


def test_what_a_liar_sends_counts_once() -> None:
    quiet = Quiet(0, now=0)
    assert quiet.saw(100, 0, now=10) == 0
    assert quiet.saw(0, 0, now=20) == 10  # it was wrong
    assert quiet.saw(100, 0, now=30) == 20  # and so is this
    assert quiet.saw(101, 0, now=40) == 0


def test_it_begins_when_something_is_waited_for() -> None:
    quiet = Quiet(7, now=0)
    quiet.restart(now=1000)
    assert quiet.saw(7, 3, now=1005) == 5
