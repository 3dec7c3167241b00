"""The list of breached passwords that zxcvbn carries: the 30,000 that were found most often in leaks."""

from typing import Final

from zxcvbn.frequency_lists import FREQUENCY_LISTS

from tseeder_auth.domain.emails import fold
from tseeder_auth.domain.passwords import MIN_CHARS

_BREACHED: Final = frozenset(fold(each) for each in FREQUENCY_LISTS["passwords"] if len(each) >= MIN_CHARS)


def is_breached(password: str) -> bool:
    """Whether it is one of them, however it is written: in capitals, in full width."""
    return fold(password) in _BREACHED
