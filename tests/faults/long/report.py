"""What each row did, for the table at the end of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

PROPERTY = "fault"
HEAD = ("row", "writes", "what was done", "taken over after", "sent again", "seconds", "verdict")


@dataclass
class Row:
    """One test of a row. `again`: parts that were sent though S3 held them; None: not counted."""

    number: int
    mode: str = ""
    done: str = ""
    takeovers: list[float] = field(default_factory=list)
    again: int | None = None


def keep(row: Row, node: pytest.Item) -> None:
    """With the test's report, however it ends."""
    node.user_properties.append((PROPERTY, asdict(row)))


def table(reports: Iterable[pytest.TestReport]) -> list[str]:
    """The lines of the table."""
    rows: dict[str, list[str]] = {}
    failed: set[str] = set()
    took: dict[str, float] = {}
    for report in reports:
        took[report.nodeid] = took.get(report.nodeid, 0.0) + (report.duration if report.when == "call" else 0.0)
        if report.failed:
            failed.add(report.nodeid)
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, dict):
                rows[report.nodeid] = _cells(value)
    lines = [
        [*cells, f"{took[node]:.0f}", "FAILED" if node in failed else "holds"]
        for node, cells in sorted(rows.items(), key=lambda item: (int(item[1][0]), item[1][1]))
    ]
    return _columns([list(HEAD), *lines]) if lines else []


def _cells(row: dict[str, Any]) -> list[str]:
    taken = sorted(row["takeovers"])
    after = f"{taken[0]:.1f} to {taken[-1]:.1f} s, {len(taken)} x" if taken else "-"
    again = "-" if row["again"] is None else str(row["again"])
    return [str(row["number"]), row["mode"], row["done"], after, again]


def _columns(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]
