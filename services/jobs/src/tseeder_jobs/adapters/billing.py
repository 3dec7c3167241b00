"""What a user's plan allows, asked of billing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final
from uuid import UUID

from tseeder.billing.v1 import billing_pb2
from tseeder.billing.v1.billing_pb2_grpc import PlansStub
from tseeder_rpc import Caller, Channel

MAX_CACHED: Final = 10_000
METADATA_TIMEOUT_SECONDS: Final = 600
STALL_TIMEOUT_SECONDS: Final = 3600
"""Of a billing service that is older than the time-outs of plans, and does not tell them."""


@dataclass(frozen=True, slots=True)
class Entitlements:
    """What a plan allows; bytes, days, seconds, and counts."""

    plan_id: str
    live_jobs: int
    running_transfers: int
    storage_bytes: int
    bandwidth_bytes_per_month: int
    retention_days: int
    priority: int
    streams: int
    metadata_timeout_seconds: int = METADATA_TIMEOUT_SECONDS
    stall_timeout_seconds: int = STALL_TIMEOUT_SECONDS


class Billing:
    """The billing service. Its answer about a user is good for `cache_seconds`."""

    def __init__(self, channel: Channel, *, cache_seconds: float = 5.0) -> None:
        self._plans = PlansStub(Caller(channel, service="billing").channel)
        self._cache_seconds = cache_seconds
        self._cache: dict[UUID, tuple[float, Entitlements]] = {}

    async def entitlements(self, user_id: UUID) -> Entitlements:
        """Those of the user who is being served: the call carries his own identity. `user_id` is that user's.

        UNAVAILABLE `service_unavailable` while billing is away.
        """
        found = self._cache.get(user_id)
        if found is not None and found[0] > monotonic():
            return found[1]
        answer = await self._plans.GetEntitlements(billing_pb2.GetEntitlementsRequest())
        entitlements = _from_wire(answer)
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[user_id] = (monotonic() + self._cache_seconds, entitlements)
        return entitlements

    async def retention_days(self, user_ids: Sequence[UUID]) -> dict[UUID, int]:
        """For how many days the plans of these users keep files, now; 0: for ever. Nobody is served: the call carries
        no identity. UNAVAILABLE `service_unavailable` while billing is away."""
        request = billing_pb2.ListRetentionRequest(user_ids=[str(user_id) for user_id in user_ids])
        answer = await self._plans.ListRetention(request)
        return {UUID(each.user_id): each.retention_days for each in answer.users}


def _from_wire(answer: billing_pb2.Entitlements) -> Entitlements:
    return Entitlements(
        plan_id=answer.plan_id,
        live_jobs=answer.live_jobs,
        running_transfers=answer.running_transfers,
        storage_bytes=answer.storage_bytes,
        bandwidth_bytes_per_month=answer.bandwidth_bytes_per_month,
        retention_days=answer.retention_days,
        priority=answer.priority,
        streams=answer.streams,
        metadata_timeout_seconds=answer.metadata_timeout_seconds or METADATA_TIMEOUT_SECONDS,
        stall_timeout_seconds=answer.stall_timeout_seconds or STALL_TIMEOUT_SECONDS,
    )
