"""What operators send and see."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from pydantic import Field

from tseeder.admin.v1 import admin_pb2 as admin
from tseeder.jobs.v1 import operators_pb2 as operators
from tseeder_gateway.api.schemas.accounts import ROLES, RoleName, email, new_password
from tseeder_gateway.api.schemas.wire import (
    Count,
    Id,
    OptionalCursor,
    OptionalInt,
    OptionalText,
    Query,
    RequestBody,
    View,
    described,
    one_of,
    timestamp,
)


class JustificationBody(RequestBody):
    """Why an operator does what cannot be undone: the audit log keeps both."""

    reason: str = described("10 to 2,000 characters", minLength=10, maxLength=2000)
    ticket_id: str = described("where it was agreed", minLength=1, maxLength=100)


class NewUserBody(RequestBody):
    """An account to be made; nothing is destroyed by it, so a justification is optional."""

    email: str = email()
    password: str = new_password()
    role: RoleName = Field(default="user", description="not above the operator's own")
    reason: str = Field(default="", json_schema_extra={"maxLength": 2000})
    ticket_id: str = Field(default="", json_schema_extra={"maxLength": 100})


class NewRoleBody(JustificationBody):
    """What an account may do from now on, and why."""

    role: RoleName


class ForcedLogoutView(View):
    """What came of signing somebody out."""

    ended: Count = Field(description="sessions that there were")


class UsersQuery(Query):
    """Which accounts, and from where on."""

    text: OptionalText = Field(default=None, max_length=254, description="part of the e-mail address")
    cursor: OptionalCursor = None
    limit: OptionalInt = Field(default=None, ge=1, le=200, description="50 if not given")


class AuditQuery(Query):
    """Which actions, and from where on."""

    action: OptionalText = Field(default=None, max_length=64, description="such as `agent.cordon`; all if not given")
    cursor: OptionalCursor = None
    limit: OptionalInt = Field(default=None, ge=1, le=200, description="50 if not given")


class AgentView(View):
    """An agent; sizes are bytes of its scratch disk."""

    agent_id: str = described(pattern="^[a-z0-9][a-z0-9-]{0,127}$")
    boot_id: Id
    cordoned: bool = described("it finishes what it holds, and claims nothing more")
    draining: bool = described("it says itself that it is stopping")
    leases: Count
    transfers_capacity: Count
    disk_bytes: Count
    disk_free_bytes: Count
    software_version: str
    registered_at: datetime | None
    last_heartbeat_at: datetime | None
    drain_ordered: bool = described("an operator told it to give everything back; drained once `leases` is 0")

    @classmethod
    def of(cls, agent: operators.AgentInfo) -> AgentView:
        """From jobs' message."""
        return cls(
            agent_id=agent.agent_id,
            boot_id=agent.boot_id,
            cordoned=agent.cordoned,
            drain_ordered=agent.drain_ordered,
            draining=agent.draining,
            leases=agent.leases,
            transfers_capacity=agent.transfers_capacity,
            disk_bytes=agent.disk_bytes,
            disk_free_bytes=agent.disk_free_bytes,
            software_version=agent.software_version,
            registered_at=timestamp(agent, "registered_at"),
            last_heartbeat_at=timestamp(agent, "last_heartbeat_at"),
        )


class AuditView(View):
    """One action of an operator."""

    audit_id: Id
    actor_user_id: Id
    actor_role: str = one_of(ROLES)
    action: str = described(pattern=r"^[a-z_]+\.[a-z_]+$")
    target: str
    reason: str
    ticket_id: str
    outcome: str = described("`unknown`: the answer was lost", enum=["started", "done", "refused", "unknown"])
    details: dict[str, Any] | None
    at: datetime | None
    request_id: str
    actor_email: str
    target_email: str

    @classmethod
    def of(cls, entry: admin.AuditEntry) -> AuditView:
        """From admin's message."""
        return cls(
            audit_id=entry.audit_id,
            actor_user_id=entry.actor_user_id,
            actor_role=entry.actor_role,
            action=entry.action,
            target=entry.target,
            reason=entry.reason,
            ticket_id=entry.ticket_id,
            outcome=entry.outcome,
            details=MessageToDict(entry.details) if entry.HasField("details") else None,
            at=timestamp(entry, "at"),
            request_id=entry.request_id,
            actor_email=entry.actor_email,
            target_email=entry.target_email,
        )
