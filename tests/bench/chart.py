"""A result as a small SVG of horizontal bars, readable on white and on dark pages; no library, no fonts, no colours
that mean anything by themselves."""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from tests.bench.results import Result, Row

WIDTH: Final = 760
LEFT: Final = 330  # where bars begin
BAR: Final = 340  # the longest one
LINE: Final = 24
OURS: Final = "#2f6fde"
OTHERS: Final = "#8a94a6"
# Which rows are drawn, by how their names begin; of each bench those that share a unit.
DRAWN: Final = {
    "ingest": ("limit, ", "tseeder, ", "aria2c, then", "transmission, then"),
    "rest": ("at rest: gateway, R", "at rest: auth, R", "at rest: jobs, R", "at rest: billing, R", "at rest: admin, R",
             "at rest: agent-1, R"),
    "claims": ("claims, ",),
    "loads": tuple(f"{load}: {what}" for load in ("1000 files of 1 MiB", "4 transfers of 256 MiB at once",
             "512 MiB from 5 peers of 10 MiB/s and 15 of 0.2 MiB/s") for what in ("limit", "submit")),
    "firstbyte": ("limit", "first byte after", "seek "),
    "logins": ("other routes",),
    "timing": tuple(f"{name}: {kind}" for name in ("login", "register", "reset", "resend")
               for kind in ("known addresses", "unknown addresses")),
    "crowd": ("50 transfers of", "submit to ", "the longest"),
}  # fmt: skip
TITLES: Final = {
    "ingest": "Seconds to store one file over 1 Gbit/s (bars: median; ticks: each run)",
    "rest": "MiB of resident memory at rest",
    "loads": "Seconds from submit to completed, beside the limit of each load (bars: median; ticks: each run)",
    "firstbyte": "Seconds to the first byte of a file that is not stored (bars: median; ticks: each run)",
    "crowd": "Seconds of 50 transfers at once on one agent (bars: median; ticks: each run)",
    "logins": "Milliseconds of other routes, at rest and beside sign-ins (bars: median; ticks: each run)",
    "timing": "Milliseconds of answers about known and unknown addresses (bars: median; ticks: quarters of the run)",
    "claims": "Claims a second, by what is queued (bars: median; ticks: each run)",
}


def chart(found: Result) -> str:
    """The SVG text."""
    rows = [row for row in found.rows if row.name.startswith(DRAWN[found.bench])]
    longest = max((max(row.value, *row.runs) for row in rows), default=1.0)
    height = 2 * LINE + LINE * len(rows) + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff" rx="6"/>',
        f'<text x="12" y="{LINE}" font-weight="600" fill="#1b2330">{escape(TITLES[found.bench])}</text>',
    ]
    for index, row in enumerate(rows):
        lines += _bar(row, 2 * LINE + index * LINE, longest)
    return "\n".join([*lines, "</svg>", ""])


def _bar(row: Row, top: int, longest: float) -> list[str]:
    scale = BAR / longest
    ours = row.name.startswith(("tseeder", "at rest", "first byte", "seek"))
    width = max(row.value * scale, 1)
    ticks = [
        f'<rect x="{LEFT + run * scale - 1:.1f}" y="{top - 13}" width="2" height="16" fill="#1b2330"/>'
        for run in row.runs
        if len(row.runs) > 1
    ]
    return [
        f'<text x="{LEFT - 8}" y="{top}" text-anchor="end" fill="#1b2330">{escape(row.name)}</text>',
        f'<rect x="{LEFT}" y="{top - 12}" width="{width:.1f}" height="14" rx="2" fill="{OURS if ours else OTHERS}"/>',
        *ticks,
        f'<text x="{LEFT + max(row.value, *row.runs) * scale + 6:.1f}" y="{top}" fill="#1b2330">'
        f"{row.value:,.2f} {escape(row.unit)}</text>",
    ]
