"""Login throttling: free tries first, then waits that double up to a cap. Never a permanent lock.

A try is counted as failed when it is admitted, and taken back when it succeeds: so a hundred guesses sent at once
are a hundred, not one.
"""

import hashlib
import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from tseeder_kit.errors import exhausted

Kind: TypeAlias = Literal["account", "address"]

_IPV6_HOST_BITS: Final = 64  # one customer holds a /64 at least, so a single address of it means nothing
_DOUBLINGS: Final = 30


@dataclass(frozen=True, slots=True)
class Policy:
    """`free_failures` are free, then waits double from `first_wait` to `longest_wait`; `forget` of quiet ends it."""

    free_failures: int
    first_wait: timedelta
    longest_wait: timedelta
    forget: timedelta

    def wait_after(self, failures: int) -> timedelta:
        """How long to wait after this many failures in a row."""
        beyond = failures - self.free_failures
        if beyond < 0:
            return timedelta()
        doublings: int = 2 ** min(beyond, _DOUBLINGS)
        return min(self.longest_wait, self.first_wait * doublings)


@dataclass(frozen=True, slots=True)
class Tally:
    """One account's or one address's row."""

    failures: int
    last_at: datetime
    blocked_until: datetime | None


def admit(policy: Policy, tally: Tally, now: datetime) -> Tally:
    """The row after one more try; raises EXHAUSTED `login_throttled` with `retry_after_seconds` if it must wait."""
    if tally.blocked_until is not None and tally.blocked_until > now:
        seconds = max(1, math.ceil((tally.blocked_until - now).total_seconds()))
        raise exhausted("login_throttled", "Too many sign-ins failed. Wait a while.", retry_after_seconds=seconds)
    failures = 1 if now - tally.last_at > policy.forget else tally.failures + 1
    wait = policy.wait_after(failures)
    return Tally(failures, now, now + wait if wait else None)


def take_back(policy: Policy, tally: Tally) -> Tally:
    """The row after a try turned out well: that try does not count, others do."""
    failures = max(0, tally.failures - 1)
    blocked = tally.blocked_until if policy.wait_after(failures) else None
    return Tally(failures, tally.last_at, blocked)


def account_subject(email_key: str) -> bytes:
    """The row's key for an account, whether it exists or not."""
    return hashlib.sha256(email_key.encode()).digest()


def address_subject(remote_address: str) -> bytes:
    """The row's key for where a client comes from: an IPv4 address, or an IPv6 /64."""
    try:
        address = ipaddress.ip_address(remote_address)
    except ValueError:
        return hashlib.sha256(remote_address.encode()).digest()
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        else:
            network = int(address) >> _IPV6_HOST_BITS << _IPV6_HOST_BITS
            address = ipaddress.IPv6Address(network)
    return hashlib.sha256(str(address).encode()).digest()
