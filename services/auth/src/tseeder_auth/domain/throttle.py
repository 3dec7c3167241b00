"""Login throttling: what is counted (tseeder_kit.throttle says how), and what is said to those who must wait."""

import hashlib
import ipaddress
from datetime import datetime
from typing import Final, Literal, TypeAlias, get_args
from uuid import UUID

from tseeder_auth.domain.human_check import Action
from tseeder_kit.errors import exhausted
from tseeder_kit.throttle import Policy, Tally, seconds_left, tried

Kind: TypeAlias = Literal["account", "address", "factor", "mail_account", "mail_address"]

_IPV6_HOST_BITS: Final = 64  # one customer holds a /64 at least, so a single address of it means nothing


def admit(policy: Policy, tally: Tally, now: datetime) -> Tally:
    """The row after one more try; raises EXHAUSTED `login_throttled` with `retry_after_seconds` if it must wait."""
    seconds = seconds_left(tally, now)
    if seconds:
        raise exhausted("login_throttled", "Too many sign-ins failed. Wait a while.", retry_after_seconds=seconds)
    return tried(policy, tally, now)


def admit_mail(policy: Policy, tally: Tally, now: datetime) -> Tally:
    """The row after one more mail was asked for from an address; raises EXHAUSTED `mail_throttled` with
    `retry_after_seconds` if it must wait."""
    seconds = seconds_left(tally, now)
    if seconds:
        raise exhausted("mail_throttled", "Too many mails were asked for. Wait a while.", retry_after_seconds=seconds)
    return tried(policy, tally, now)


def account_subject(email_key: str) -> bytes:
    """The row's key for an account, whether it exists or not."""
    return hashlib.sha256(email_key.encode()).digest()


def mail_subject(action: Action, email_key: str) -> bytes:
    """The row's key for mails of one purpose to an address, whether it has an account or not."""
    return hashlib.sha256(f"{action}: {email_key}".encode()).digest()


def subjects_of(email_key: str) -> list[bytes]:
    """All that is counted for an address."""
    return [account_subject(email_key), *(mail_subject(action, email_key) for action in get_args(Action))]


def factor_subject(user_id: UUID) -> bytes:
    """The row's key for the codes of an account's second factor."""
    return hashlib.sha256(user_id.bytes).digest()


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
