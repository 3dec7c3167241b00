"""billing: which plans there are."""

from __future__ import annotations

from tseeder.billing.v1 import billing_pb2 as pb
from tseeder.billing.v1.billing_pb2_grpc import PlansStub
from tseeder_rpc import Caller, use_identity


class Billing:
    """Raises AppError as billing meant it."""

    def __init__(self, caller: Caller, *, seconds: float) -> None:
        self._plans = PlansStub(caller.channel)
        self._seconds = seconds

    async def list_plans(self, identity: str) -> list[pb.Plan]:
        """All plans."""
        with use_identity(identity):
            answer = await self._plans.ListPlans(pb.ListPlansRequest(), timeout=self._seconds)
        return list(answer.plans)
