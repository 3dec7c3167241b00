"""The book of one transfer: which parts are still to fetch, whole, on their way up, or in S3.

A part goes  ABSENT -> READY (its pieces are all here) -> BUSY (taken for upload) -> HELD (S3 has it, jobs knows).
It falls back to ABSENT when pieces are lost, and to READY or ABSENT when its upload was put back or reset.
An entry goes  OPEN -> WHOLE (every part HELD) -> COMPLETING (jobs was asked) -> STORED.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

from tseeder_agent.domain.parts import Part, PartKey, overlap, parts_of, pieces_of
from tseeder_agent.domain.transfer import EntryWish

PRIORITY = 4
"""libtorrent's default priority, for a piece that is needed."""
MOST_SUMS = 64
"""Selections whose sums are kept up to date."""


class PartState(IntEnum):
    ABSENT = 0
    READY = 1
    BUSY = 2
    HELD = 3
    DROPPED = 4


class EntryState(IntEnum):
    OPEN = 0
    WHOLE = 1
    COMPLETING = 2
    STORED = 3


@dataclass(slots=True)
class _Row:
    """A part, with how many of its pieces are missing and how many of its bytes are here."""

    part: Part
    missing: int = 0
    here: int = 0
    state: PartState = PartState.ABSENT


@dataclass(slots=True)
class _EntryRow:
    wish: EntryWish
    state: EntryState
    rows: list[_Row] = field(default_factory=list)
    left: int = 0
    first: int = 0  # rows before this one are HELD
    downloaded: int = 0
    uploaded: int = 0


class Ledger:
    """Kept on the event loop by the one task that runs the transfer."""

    def __init__(self, piece_length: int, total_bytes: int) -> None:
        self.piece_length = piece_length
        self._total_bytes = total_bytes
        self.piece_count = -(-total_bytes // piece_length) if total_bytes else 0
        self._have = bytearray(self.piece_count)
        self._entries: dict[int, _EntryRow] = {}
        self._rows: list[_Row] = []
        self._starts: list[int] = []
        self._by_key: dict[PartKey, int] = {}
        self._ready: list[int] = []
        self._first_absent = 0
        self._sums: dict[int, _Sum] = {}
        self.wants_more = False
        """Since `revise`, parts that S3 held have to be fetched after all: priorities are other ones now."""

    # --- what is wanted

    def revise(self, wishes: Iterable[EntryWish]) -> None:
        """Take over what jobs says now. What is BUSY stays so if it is still wanted; all else follows jobs."""
        busy = {row.part.key for row in self._rows if row.state is PartState.BUSY}
        completing = {index for index, entry in self._entries.items() if entry.state is EntryState.COMPLETING}
        self._entries = {}
        self._rows = []
        self._sums.clear()
        self.wants_more = False
        for wish in wishes:
            entry = _EntryRow(wish, EntryState.STORED if wish.stored or not wish.size else EntryState.OPEN)
            self._entries[wish.file_index] = entry
            if entry.state is EntryState.OPEN and wish.wanted:
                self._open(entry, busy)
                if wish.file_index in completing and not entry.left:
                    entry.state = EntryState.COMPLETING
        self._rows.sort(key=lambda row: row.part.offset)
        self._starts = [row.part.offset for row in self._rows]
        self._by_key = {row.part.key: index for index, row in enumerate(self._rows)}
        self._first_absent = 0
        self._ready = [index for index, row in enumerate(self._rows) if row.state is PartState.READY]

    def _open(self, entry: _EntryRow, busy: set[PartKey]) -> None:
        wish = entry.wish
        for part in parts_of(wish.file_index, wish.offset, wish.size, wish.part_size):
            row = _Row(part)
            self._count(row)
            if part.number in wish.held:
                row.state = PartState.HELD
            elif part.key in busy:
                row.state = PartState.BUSY
            entry.rows.append(row)
            self._rows.append(row)
        self._tally(entry)

    def _count(self, row: _Row) -> None:
        """Sets what of this part is here, from the pieces; its state unless it is BUSY or HELD."""
        part = row.part
        pieces = pieces_of(part.offset, part.size, self.piece_length)
        row.missing = self._have.count(0, pieces.start, pieces.stop)
        if row.missing == len(pieces):
            row.here = 0
        elif not row.missing:
            row.here = part.size
        else:
            here = (piece for piece in pieces if self._have[piece])
            row.here = sum(overlap(part.offset, part.size, piece, self.piece_length) for piece in here)
        if row.state in (PartState.ABSENT, PartState.READY):
            row.state = PartState.ABSENT if row.missing else PartState.READY

    @staticmethod
    def _tally(entry: _EntryRow) -> None:
        held = [row for row in entry.rows if row.state is PartState.HELD]
        entry.left = len(entry.rows) - len(held)
        entry.first = 0
        entry.uploaded = sum(row.part.size for row in held)
        entry.downloaded = sum(row.part.size if row.state is PartState.HELD else row.here for row in entry.rows)
        if entry.left and entry.state is not EntryState.STORED:
            entry.state = EntryState.OPEN
        elif entry.state is EntryState.OPEN:
            entry.state = EntryState.WHOLE

    # --- pieces

    def priorities(self) -> list[int]:
        """A priority per piece: 0 for what no unfinished wanted part lies on."""
        wanted = [0] * self.piece_count
        for row in self._rows:
            if row.state < PartState.HELD:
                pieces = pieces_of(row.part.offset, row.part.size, self.piece_length)
                wanted[pieces.start : pieces.stop] = [PRIORITY] * len(pieces)
        return wanted

    @property
    def have(self) -> list[bool]:
        """One per piece: whether it is here, and verified."""
        return [bool(held) for held in self._have]

    @property
    def here_bytes(self) -> int:
        """What is on the disk: whole verified pieces."""
        return min(self._have.count(1) * self.piece_length, self._total_bytes)

    @property
    def disk_bytes(self) -> int:
        """What is on the disk in the end: whole pieces, also those that only begin or end a wanted part, and those
        that came for what is no longer wanted."""
        wanted = (priority or have for priority, have in zip(self.priorities(), self._have, strict=True))
        return min(sum(map(bool, wanted)) * self.piece_length, self._total_bytes)

    @property
    def unsent(self) -> bool:
        """Whether some wanted part is not in S3."""
        return any(row.state < PartState.HELD for row in self._rows)

    def holds(self, piece: int) -> bool:
        """Whether this piece is here, and verified."""
        return bool(self._have[piece])

    def needs(self, piece: int) -> bool:
        """Whether some part that is not in S3 lies on this piece."""
        return any(self._rows[index].state < PartState.HELD for index in self._overlapping(piece))

    def lacks(self, piece: int) -> bool:
        """Whether some part waits for this piece."""
        return not self._have[piece] and any(
            self._rows[index].state is PartState.ABSENT for index in self._overlapping(piece)
        )

    def standing(self) -> dict[str, int]:
        """How many parts are in which state."""
        counted = Counter(row.state for row in self._rows)
        return {f"parts_{state.name.lower()}": counted[state] for state in PartState}

    def needs_pieces(self) -> bool:
        """Whether some part is still to be fetched from the swarm."""
        return self._next_absent() is not None

    def missing(self, availability: Sequence[int]) -> int:
        """How many needed pieces are nobody's, given how many peers have each piece.

        While nobody is connected (all 0), or nothing is known (empty), nothing is said to be missing.
        """
        if 0 not in availability or not any(availability):
            return 0
        needed = {
            piece
            for row in self._rows
            if row.state is PartState.ABSENT
            for piece in pieces_of(row.part.offset, row.part.size, self.piece_length)
            if not self._have[piece] and not availability[piece]
        }
        return len(needed)

    def arrived(self, piece: int) -> int:
        """Note that `piece` is verified; how many parts became READY by it."""
        if self._have[piece]:
            return 0
        self._have[piece] = 1
        whole = 0
        for index in self._overlapping(piece):
            row = self._rows[index]
            size = overlap(row.part.offset, row.part.size, piece, self.piece_length)
            row.missing -= 1
            row.here += size
            if row.state < PartState.HELD:
                self._add(row.part.file_index, downloaded=size)
            if row.state is PartState.ABSENT and not row.missing:
                row.state = PartState.READY
                heapq.heappush(self._ready, index)
                whole += 1
        return whole

    def rebuild(self, have: Sequence[bool]) -> list[int]:
        """Take over the true set of pieces (alerts were lost, the disk failed); gives the pieces that are gone."""
        now = bytearray(self.piece_count)
        now[: len(have)] = bytes(map(bool, have[: self.piece_count]))
        lost = [piece for piece in range(self.piece_count) if self._have[piece] and not now[piece]]
        self._have = now
        self._sums.clear()
        for row in self._rows:
            self._count(row)
        for entry in self._entries.values():
            if entry.rows and entry.wish.wanted:
                self._tally(entry)
        self._first_absent = 0
        self._ready = [index for index, row in enumerate(self._rows) if row.state is PartState.READY]
        return lost

    def _overlapping(self, piece: int) -> range:
        low, high = piece * self.piece_length, (piece + 1) * self.piece_length
        first = bisect_right(self._starts, low) - 1
        if first < 0 or self._rows[first].part.end <= low:
            first += 1
        last = first
        while last < len(self._rows) and self._starts[last] < high:
            last += 1
        return range(first, last)

    def _next_absent(self) -> int | None:
        while self._first_absent < len(self._rows):
            if self._rows[self._first_absent].state is PartState.ABSENT:
                return self._first_absent
            self._first_absent += 1
        return None

    def window(self, parts: int, unit: int) -> list[tuple[int, int]]:
        """(piece, slot) of the missing pieces of the next ABSENT parts, slots 1 to `parts`.

        A slot is one part of `unit` bytes or more, or as many smaller ones as fill `unit` bytes.
        """
        chosen: dict[int, int] = {}
        ordinal = behind = 0
        for index in range(self._next_absent() or 0, len(self._rows)):
            row = self._rows[index]
            if row.state is not PartState.ABSENT:
                continue
            slot = 1 + min(ordinal, behind // unit)
            if slot > parts:
                break
            for piece in pieces_of(row.part.offset, row.part.size, self.piece_length):
                if not self._have[piece]:
                    chosen.setdefault(piece, slot)
            ordinal += 1
            behind += row.part.size
        return list(chosen.items())

    # --- parts

    def take(self, reach: int = 0) -> Part | None:
        """The first READY part in piece space, now BUSY; None if there is none.

        `reach`, if not 0, is how many parts it may be ahead of its entry's first part that is not HELD: some S3
        servers stall parts that come far out of order.
        """
        beyond: list[int] = []
        found = None
        while self._ready and found is None:
            index = heapq.heappop(self._ready)
            row = self._rows[index]
            if row.state is not PartState.READY:
                continue
            if reach and self._ahead(row) >= reach:
                beyond.append(index)
                continue
            row.state = PartState.BUSY
            found = row.part
        for index in beyond:
            heapq.heappush(self._ready, index)
        return found

    def _ahead(self, row: _Row) -> int:
        entry = self._entries[row.part.file_index]
        while entry.first < len(entry.rows) and entry.rows[entry.first].state is PartState.HELD:
            entry.first += 1
        return max(0, row.part.number - 1 - entry.first)

    def put_back(self, key: PartKey) -> None:
        """A BUSY part did not go up: READY again, or ABSENT if its pieces are gone."""
        index = self._by_key.get(key)
        if index is not None and self._rows[index].state is PartState.BUSY:
            self._free(index)

    def _free(self, index: int) -> None:
        row = self._rows[index]
        row.state = PartState.ABSENT if row.missing else PartState.READY
        if row.state is PartState.READY:
            heapq.heappush(self._ready, index)
        else:
            self._first_absent = min(self._first_absent, index)

    def hold(self, key: PartKey) -> None:
        """S3 has this part, and jobs knows it."""
        index = self._by_key.get(key)
        if index is None or self._rows[index].state >= PartState.HELD:
            return
        row = self._rows[index]
        row.state = PartState.HELD
        entry = self._entries[key.file_index]
        entry.left -= 1
        self._add(key.file_index, downloaded=row.part.size - row.here, uploaded=row.part.size)
        if not entry.left and entry.state is EntryState.OPEN:
            entry.state = EntryState.WHOLE

    def reset(self, file_index: int, numbers: Iterable[int] | None = None) -> None:
        """S3 lost parts of this entry (None: all of them): they go up again, fetched again where they are not here."""
        entry = self._entries.get(file_index)
        if entry is None or entry.state is EntryState.STORED or not entry.wish.wanted:
            return
        chosen = None if numbers is None else set(numbers)
        entry.state = EntryState.OPEN
        self._sums.clear()
        for row in entry.rows:
            if row.state is PartState.HELD and (chosen is None or row.part.number in chosen):
                self._free(self._by_key[row.part.key])
                self.wants_more = self.wants_more or bool(row.missing)
        self._tally(entry)

    # --- entries

    def take_whole(self, limit: int) -> list[int]:
        """Entries whose parts are all in S3, at most `limit`; each is COMPLETING from now on."""
        found: list[int] = []
        for index, entry in self._entries.items():
            if len(found) == limit:
                break
            if entry.state is EntryState.WHOLE:
                entry.state = EntryState.COMPLETING
                found.append(index)
        return found

    def ask_again(self, file_index: int) -> None:
        """A COMPLETING entry was not completed this time: WHOLE again."""
        entry = self._entries.get(file_index)
        if entry is not None and entry.state is EntryState.COMPLETING:
            entry.state = EntryState.OPEN if entry.left else EntryState.WHOLE

    def store(self, file_index: int) -> None:
        """This entry is an object now."""
        entry = self._entries.get(file_index)
        if entry is None:
            return
        for row in entry.rows:
            self.hold(row.part.key)
        if entry.state is not EntryState.STORED:  # all of it counts, whatever is here
            size = entry.wish.size
            self._add(file_index, downloaded=size - entry.downloaded, uploaded=size - entry.uploaded)
        entry.state = EntryState.STORED

    def drop(self, file_index: int) -> None:
        """Nobody wants this entry any more: nothing of it is fetched, sent or completed."""
        entry = self._entries.get(file_index)
        if entry is None:
            return
        self._sums.clear()
        entry.wish = replace(entry.wish, wanted=False)
        for row in entry.rows:
            row.state = PartState.DROPPED
        entry.state = EntryState.OPEN

    # --- how far it is

    @property
    def done(self) -> bool:
        """Every wanted entry is STORED."""
        return all(entry.state is EntryState.STORED for entry in self._entries.values() if entry.wish.wanted)

    @property
    def fetched(self) -> bool:
        """No part is ABSENT: the swarm has nothing more to give."""
        return self._next_absent() is None

    def idle(self, reach: int = 0) -> bool:
        """Nothing can be sent or completed now; parts beyond `reach` (as for `take`) do not count."""
        for entry in self._entries.values():
            if entry.wish.wanted and entry.state in (EntryState.WHOLE, EntryState.COMPLETING):
                return False
        for row in self._rows:
            if row.state is PartState.BUSY:
                return False
            if row.state is PartState.READY and not (reach and self._ahead(row) >= reach):
                return False
        return True

    def amounts(self, ranges: Sequence[tuple[int, int]]) -> Amounts:
        """Bytes wanted, here (or in S3) and in S3, over the entries in these inclusive ranges of file_index, which
        are in order and do not overlap. Counted once for each selection, and kept up to date from then on."""
        known = self._sums.get(id(ranges))
        if known is None:
            if len(self._sums) >= MOST_SUMS:
                self._sums.clear()
            known = self._sums[id(ranges)] = _Sum(ranges, [first for first, _ in ranges], self._counted(ranges))
        return known.amounts

    def _counted(self, ranges: Sequence[tuple[int, int]]) -> Amounts:
        wanted = downloaded = uploaded = 0
        for first, last in ranges:
            for index in range(first, last + 1):
                entry = self._entries.get(index)
                if entry is None:
                    continue
                wanted += entry.wish.size
                stored = entry.state is EntryState.STORED
                downloaded += entry.wish.size if stored else entry.downloaded
                uploaded += entry.wish.size if stored else entry.uploaded
        return Amounts(wanted, downloaded, uploaded)

    def _add(self, file_index: int, *, downloaded: int, uploaded: int = 0) -> None:
        """So much more of this entry, for itself and for every selection that it is in."""
        entry = self._entries[file_index]
        entry.downloaded += downloaded
        entry.uploaded += uploaded
        if entry.state is EntryState.STORED:
            return
        for each in self._sums.values():
            each.add(file_index, downloaded, uploaded)


@dataclass(frozen=True, slots=True)
class Amounts:
    """Bytes of one view."""

    wanted: int
    downloaded: int
    uploaded: int


@dataclass(slots=True)
class _Sum:
    """What a selection comes to. It keeps its ranges, so that no others can have their id."""

    ranges: Sequence[tuple[int, int]]
    firsts: list[int]
    amounts: Amounts

    def add(self, file_index: int, downloaded: int, uploaded: int) -> None:
        at = bisect_right(self.firsts, file_index) - 1
        if at >= 0 and file_index <= self.ranges[at][1]:
            old = self.amounts
            self.amounts = Amounts(old.wanted, old.downloaded + downloaded, old.uploaded + uploaded)
