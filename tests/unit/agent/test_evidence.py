"""The book of trackers, and what it says about a swarm that gives nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tseeder_agent.domain.evidence import TrackerBook, TrackerSighting, TrackerState, cleaned
from tseeder_agent.domain.problems import (
    NO_PEERS,
    NOBODY_HAS_IT_ALL,
    PEERS_CORRUPT,
    STALLED,
    TRACKERS_REFUSE,
    TRACKERS_UNREACHABLE,
    swarm_problem,
)
from tseeder_agent.domain.transfer import Problem

URL, OTHER, V4, V6 = "http://t.example/announce/key", "udp://u.example:1", "192.0.2.1", "2001:db8::1"
WAITING, WORKING, REFUSES, UNREACHABLE = TrackerState


def test_a_tracker_waits_until_it_is_asked_and_fails_in_a_row() -> None:
    book = TrackerBook([URL, OTHER])
    book.failed(URL, V4, "unregistered torrent", refuses=True, fails=3)
    refused, waiting = book.seen()
    assert refused == TrackerSighting(URL, REFUSES, "unregistered torrent", 3)
    assert waiting == TrackerSighting(OTHER, WAITING)
    book.answered(URL, V4)
    assert book.seen()[0] == TrackerSighting(URL, WORKING)


def test_it_works_if_it_does_in_one_way() -> None:
    book = TrackerBook([URL])
    book.failed(URL, V6, "Network is unreachable", refuses=False, fails=1)
    assert book.seen()[0].state is UNREACHABLE
    book.failed(URL, V4, "no", refuses=True, fails=1)
    assert book.seen()[0].state is REFUSES
    book.answered(URL, V4)
    assert book.seen()[0].state is WORKING


def test_a_warning_stands_as_long_as_it_comes_with_the_answers() -> None:
    book = TrackerBook([URL])
    book.warned(URL, V4, "your client is old")
    book.answered(URL, V4)
    assert book.seen()[0] == TrackerSighting(URL, WORKING, "your client is old")
    book.answered(URL, V4)
    assert book.seen()[0].message == ""


def test_it_stays_small_whoever_is_asked() -> None:
    book = TrackerBook(f"http://t{number}.example/announce" for number in range(80))
    book.add([URL])
    book.failed(URL, V4, "no", refuses=True, fails=1)
    book.warned(URL, V4, "no")
    for way in range(1000):
        book.failed("http://t0.example/announce", way, "x" * 10_000, refuses=False, fails=1)
    seen = book.seen()
    assert len(seen) == 50
    assert URL not in {tracker.url for tracker in seen}
    assert len(seen[0].message) == 200


def test_a_trackers_words_are_one_line_and_its_url_is_in_no_repr() -> None:
    assert cleaned("unknown\r\n\x1b[31mpasskey\u202e ") == "unknown [31mpasskey"
    assert "key" not in repr(TrackerSighting(URL, REFUSES, "bad key of bob", 1))


@pytest.mark.parametrize(
    ("states", "problem"),
    [
        ([], NO_PEERS),
        ([WORKING, REFUSES], NO_PEERS),
        ([WAITING, REFUSES], NO_PEERS),
        ([REFUSES, REFUSES], TRACKERS_REFUSE),
        ([REFUSES, UNREACHABLE], TRACKERS_REFUSE),
        ([UNREACHABLE, UNREACHABLE], TRACKERS_UNREACHABLE),
        ([WAITING, UNREACHABLE], NO_PEERS),
    ],
)
def test_why_there_are_no_peers(states: Sequence[TrackerState], problem: Problem) -> None:
    trackers = [TrackerSighting(f"http://{number}.example", state) for number, state in enumerate(states)]
    assert swarm_problem(peers=0, missing=0, corrupt=False, trackers=trackers) == problem


def test_why_peers_give_nothing() -> None:
    refusing = [TrackerSighting(URL, REFUSES)]
    assert swarm_problem(peers=2, missing=0, corrupt=False, trackers=refusing) == STALLED
    assert swarm_problem(peers=2, missing=9, corrupt=False, trackers=refusing) == NOBODY_HAS_IT_ALL
    assert swarm_problem(peers=2, missing=9, corrupt=True, trackers=refusing) == PEERS_CORRUPT
    assert swarm_problem(peers=0, missing=0, corrupt=True, trackers=refusing) == PEERS_CORRUPT
