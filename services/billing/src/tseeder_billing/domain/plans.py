"""Plans and what they allow."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entitlements:
    """What a plan allows. Sizes are bytes."""

    live_jobs: int
    running_transfers: int
    storage_bytes: int
    bandwidth_bytes_per_month: int
    retention_days: int  # 0: for ever
    priority: int  # higher goes first
    streams: int
    metadata_timeout_seconds: int  # how long an attempt may look for a magnet's metadata
    stall_timeout_seconds: int  # and go without a useful byte


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan, by its slug."""

    plan_id: str
    name: str
    is_default: bool
    entitlements: Entitlements
