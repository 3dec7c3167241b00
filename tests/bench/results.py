"""What a bench found, and the JSON file that keeps it: `tests/bench/results/<bench>.json`."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = Path(__file__).with_name("results")
GIB: Final = 1 << 30


class BenchError(Exception):
    """Why a bench cannot run, or does not count, as a line for the person who started it."""


@dataclass(frozen=True)
class Row:
    """One figure: the median of its runs, with the value of each run beside it."""

    name: str
    value: float
    unit: str
    runs: tuple[float, ...]

    @classmethod
    def of(cls, name: str, unit: str, runs: Sequence[float]) -> Self:
        """The row of these runs, which are at least one."""
        return cls(name, rounded(statistics.median(runs)), unit, tuple(rounded(run) for run in runs))


@dataclass(frozen=True)
class Result:
    """One run of a bench. `ratios`: by the name of a wanted figure (see wanted.py)."""

    bench: str
    commit: str
    machine: str
    rows: tuple[Row, ...]
    ratios: Mapping[str, float]

    def row(self, name: str) -> Row | None:
        """The row of that name, if it was measured."""
        return next((row for row in self.rows if row.name == name), None)


def rounded(value: float) -> float:
    """Three digits after the point: more is noise."""
    return round(value, 3)


def paired(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of `above / below`, round by round: two things that ran in turn have met the same noise."""
    return rounded(statistics.median(a / b for a, b in zip(above, below, strict=True)))


def result(bench: str, rows: Sequence[Row], ratios: Mapping[str, float]) -> Result:
    """The result of a bench that has just run here."""
    return Result(bench, commit(), machine(), tuple(rows), dict(ratios))


def commit() -> str:
    """The commit that was measured, with "+" if files that git knows have been changed since."""
    head = _git("rev-parse", "--short=10", "HEAD")
    return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def machine() -> str:
    """This machine in a few words."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    return f"{os.cpu_count()} x {(models or [platform.machine()])[0]}, {gib:.0f} GiB, Linux {platform.release()}"


def write(found: Result) -> Path:
    """Keep a result; the one before of this bench is replaced."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{found.bench}.json"
    path.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
    return path


def read(bench: str) -> Result | None:
    """The last result of a bench; None if it has not run here."""
    path = FOLDER / f"{bench}.json"
    if not path.exists():
        return None
    said = json.loads(path.read_text(encoding="utf-8"))
    rows = tuple(Row(row["name"], row["value"], row["unit"], tuple(row["runs"])) for row in said["rows"])
    return Result(said["bench"], said["commit"], said["machine"], rows, said["ratios"])
