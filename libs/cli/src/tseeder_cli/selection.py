"""File indexes as people write them: `0,2,5-9`."""

from __future__ import annotations

import re

from tseeder_cli.errors import CliError, ExitCode

LARGEST_INDEX = 1_000_000  # a range is written out; a typing error must not fill the memory
_TERM = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


def parse_selection(text: str) -> list[int]:
    """The indexes in `text`, sorted, each once. `0,2,5-9` -> [0, 2, 5, 6, 7, 8, 9]."""
    chosen: set[int] = set()
    for term in text.split(","):
        match = _TERM.fullmatch(term.strip())
        first = int(match[1]) if match else 0
        last = int(match[2] or match[1]) if match else -1
        if first > last or last > LARGEST_INDEX:
            raise CliError(
                f"{term.strip()!r} is not a file index or a range of them",
                code="bad_selection",
                exit_code=ExitCode.USAGE,
                hint="Write a selection as 0,2,5-9; `tseeder files JOB` shows the indexes.",
            )
        chosen.update(range(first, last + 1))
    return sorted(chosen)
