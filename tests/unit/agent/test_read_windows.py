"""Windows of readers: capped, nearest first, gone with their reader."""

from __future__ import annotations

from tseeder_agent.domain.read_windows import MOST_AHEAD_BYTES, ReadWindows

MIB = 1 << 20


def test_a_window_is_capped_and_ends_with_what_was_asked_for() -> None:
    windows = ReadWindows(MIB)
    reader = windows.enter()
    assert windows.slots() == {}
    assert windows.move(reader, 10, 1000) == range(10, 18)
    assert windows.slots() == {10 + slot: slot for slot in range(MOST_AHEAD_BYTES // MIB)}
    assert windows.move(reader, 998, 1000) == range(998, 1001)
    assert windows.slots() == {998: 0, 999: 1, 1000: 2}
    assert not windows.move(reader, 998, 1000)


def test_large_pieces_are_still_two() -> None:
    windows = ReadWindows(64 * MIB)
    windows.move(windows.enter(), 3, 9)
    assert windows.slots() == {3: 0, 4: 1}


def test_several_readers_share_a_torrent() -> None:
    windows = ReadWindows(4 * MIB)
    one, other = windows.enter(), windows.enter()
    windows.move(one, 5, 9)
    windows.move(other, 6, 9)
    assert windows.slots() == {5: 0, 6: 0, 7: 1}
    assert windows.leave(one)
    assert windows.slots() == {6: 0, 7: 1}
    assert not windows.leave(one)
    windows.leave(other)
    assert windows.slots() == {}
