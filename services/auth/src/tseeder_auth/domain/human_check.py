"""Whether it is a person who asks: what a provider of such checks is to us."""

from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

Action: TypeAlias = Literal["register", "resend", "reset"]
"""What the check was solved for; a page names it when it shows the check."""


@dataclass(frozen=True, slots=True)
class Site:
    """Our account at a provider: answers for other `hostnames` than these are refused; `seconds` for all tries."""

    url: str
    secret: str = field(repr=False)
    hostnames: frozenset[str]
    seconds: float


class HumanCheck(Protocol):
    """A provider."""

    async def check(self, token: str, action: Action, remote_address: str) -> None:
        """Returns if a person has solved it for this, here, and for the first time.

        Raises INVALID `human_check_failed`, and UNAVAILABLE `human_check_unavailable` where nobody can say.
        """


class NoHumanCheck:
    """Everybody passes."""

    async def check(self, token: str, action: Action, remote_address: str) -> None:
        """Returns."""
