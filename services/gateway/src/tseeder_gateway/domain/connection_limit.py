"""How many connections stand at once, in all and for one address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tseeder_gateway.domain.addresses import Network, is_in, subject


class ConnectionLimit:
    """Counts open connections. A trusted proxy carries everybody's, so it is not counted by its address."""

    def __init__(self, total: int, per_address: int, trusted: Sequence[Network] = ()) -> None:
        self._total = total
        self._per_address = per_address
        self._trusted = trusted
        self._open = 0
        self._by_subject: Counter[str] = Counter()

    def admit(self, address: str) -> bool:
        """Takes one more connection of `address`, if there is room; then `release` is owed."""
        who = subject(address)
        if self._open >= self._total:
            return False
        if self._by_subject[who] >= self._per_address and not is_in(address, self._trusted):
            return False
        self._open += 1
        self._by_subject[who] += 1
        return True

    def release(self, address: str) -> None:
        """One that was admitted has ended."""
        who = subject(address)
        self._open -= 1
        self._by_subject[who] -= 1
        if not self._by_subject[who]:
            del self._by_subject[who]

    def __len__(self) -> int:
        return self._open
