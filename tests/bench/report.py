"""A result as a table: for the terminal, and for docs/performance.md between its markers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.bench.chart import chart
from tests.bench.results import ROOT, BenchError, Result, Row
from tests.bench.wanted import WANTED

DOCUMENT: Final = ROOT / "docs" / "performance.md"
CHARTS: Final = ROOT / "docs" / "performance"


def table(found: Result) -> str:
    """The result as text: the figures, then what was wanted."""
    rows = [(row.name, f"{row.value:,.2f}", row.unit, _runs(row)) for row in found.rows]
    wanted = [(name, what, asked, seen, verdict) for name, what, asked, seen, verdict in _wanted(found)]
    return "\n".join(
        [
            f"{found.bench}: commit {found.commit} on {found.machine}",
            "",
            *_columns([("what", "median", "", "each run"), *rows]),
            "",
            *_columns([("ratio", "what", "wanted", "seen", ""), *wanted]),
        ]
    )


def _columns(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _runs(row: Row) -> str:
    return " ".join(f"{run:.2f}" for run in row.runs)


def _wanted(found: Result) -> list[tuple[str, str, str, str, str]]:
    lines = []
    for name, wanted in WANTED[found.bench].items():
        if name not in found.ratios:
            continue  # of a part that is not there to be measured
        seen = found.ratios[name]
        lines.append((name, wanted.what, wanted.asked(), f"{seen:.2f}", wanted.verdict(seen)))
    return lines


def markdown(found: Result) -> str:
    """The result as Markdown: what was wanted first."""
    lines = [f"Commit `{found.commit}`, {found.machine}.", "", "| figure | wanted | seen | |", "|---|---|---|---|"]
    lines += [f"| {what} (`{name}`) | {asked} | {seen} | {said} |" for name, what, asked, seen, said in _wanted(found)]
    lines += ["", f"![{found.bench}](performance/{found.bench}.svg)", ""]
    lines += ["| seen | median | | each run |", "|---|---|---|---|"]
    lines += [f"| {row.name} | {row.value:,.2f} | {row.unit} | {_runs(row)} |" for row in found.rows]
    return "\n".join(lines)


def write_document(found: Result) -> tuple[Path, Path]:
    """Put the result into docs/performance.md, and its chart beside it."""
    CHARTS.mkdir(exist_ok=True)
    picture = CHARTS / f"{found.bench}.svg"
    picture.write_text(chart(found), encoding="utf-8")
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(between_markers(text, found.bench, markdown(found)), encoding="utf-8")
    return DOCUMENT, picture


def between_markers(text: str, bench: str, fresh: str) -> str:
    """`text` with `fresh` in place of what stands between the two markers of `bench`."""
    begin, end = f"<!-- bench {bench} -->", f"<!-- /bench {bench} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise BenchError(f"{DOCUMENT.name} must have the markers {begin} and {end} once")
    return pattern.sub(lambda _: f"{begin}\n{fresh}\n{end}", text)
