"""Sizes as people write them: `700M`, `1.5GiB`, `0`."""

from __future__ import annotations

import re
from fractions import Fraction

from tseeder_cli.errors import CliError, ExitCode

LARGEST = 2**63 - 1
_SIZE = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,9})?) ?(?:([KMGTP])(?:iB)?|B)?", re.IGNORECASE)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def parse_size(text: str) -> int:
    """Bytes, whole ones; units are of 1,024, as everywhere here. CliError for what is no size."""
    match = _SIZE.fullmatch(text.strip())
    count = int(Fraction(match[1]) * 1024 ** _POWERS.get((match[2] or "").upper(), 0)) if match else -1
    if not 0 <= count <= LARGEST:
        raise CliError(
            f"{text!r} is not a size",
            code="bad_size",
            exit_code=ExitCode.USAGE,
            hint="Write a size as 500, 700M or 1.5GiB.",
        )
    return count
