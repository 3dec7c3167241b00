"""Whether two kinds of answers can be told apart by how long they take. No library: ranks, signs and resampling."""

from __future__ import annotations

import bisect
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

RESAMPLED: Final = 2_000
CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Difference:
    """Of paired times: `advantage` is by how much one time lets somebody guess better than a coin (0 to 0.5), in the
    mean of all pairs of one and the other; `median` is that of `first - second`, with its interval of 95 %; `p` is how
    often chance alone makes so large a mean difference."""

    advantage: float
    advantage_interval: tuple[float, float]
    median: float
    median_interval: tuple[float, float]
    p: float


def difference(first: Sequence[float], second: Sequence[float], seed: int = 1) -> Difference:
    """Compares times that were taken in turn: `first[i]` beside `second[i]`."""
    chance = random.Random(seed)
    pairs = list(zip(first, second, strict=True))
    differences = [one - other for one, other in pairs]
    resampled = [chance.choices(pairs, k=len(pairs)) for _ in range(RESAMPLED)]
    sides = [_larger([a for a, _ in each], [b for _, b in each]) - 0.5 for each in resampled]
    medians = [statistics.median(a - b for a, b in each) for each in resampled]
    return Difference(
        abs(_larger(first, second) - 0.5),
        _interval(sides),
        statistics.median(differences),
        _interval(medians),
        _by_chance(differences, chance),
    )


def _larger(first: Sequence[float], second: Sequence[float]) -> float:
    """How often one of `first` is larger than one of `second`, over all pairs; equal ones count half. It is the area
    under the curve of the best guesser, and Mann-Whitney's U over its greatest value."""
    ordered = sorted(second)
    wins = sum(bisect.bisect_left(ordered, each) + bisect.bisect_right(ordered, each) for each in first)
    return wins / (2 * len(first) * len(second))


def _by_chance(differences: Sequence[float], chance: random.Random) -> float:
    """A permutation test: had it been by chance which of a pair was which, each sign would have been as likely."""
    seen = abs(statistics.fmean(differences))
    as_large = sum(
        abs(statistics.fmean(each if chance.random() < 0.5 else -each for each in differences)) >= seen
        for _ in range(RESAMPLED)
    )
    return (as_large + 1) / (RESAMPLED + 1)


def _interval(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    outside = int(len(ordered) * (1 - CONFIDENCE) / 2)
    return ordered[outside], ordered[-1 - outside]
