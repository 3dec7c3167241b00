"""What operators send and see."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from pydantic import Field

from tseeder.admin.v1 import admin_pb2 as admin
from tseeder.jobs.v1 import operators_pb2 as operators
from tseeder_gateway.api.schemas.accounts import RoleName
from tseeder_gateway.api.schemas.wire import (
    OptionalInt,
    OptionalText,
    Query,
    RequestBody,
    View,
    timestamp,
)


class JustificationBody(RequestBody):
    """Why an operator does what cannot be undone: the audit log keeps both."""

    reason: str = Field(description="10 characters or more")
    ticket_id: str


class NewUserBody(RequestBody):
    """An account to be made; nothing is destroyed by it, so a justification is optional."""

    email: str
    password: str
    role: RoleName = "user"
    reason: str = ""
    ticket_id: str = ""


class UsersQuery(Query):
    """Which accounts, and from where on."""

    text: OptionalText = Field(default=None, max_length=500)
    cursor: OptionalText = Field(default=None, max_length=4096)
    limit: OptionalInt = Field(default=None, ge=1, le=200)


class AuditQuery(Query):
    """Which actions, and from where on."""

    action: OptionalText = Field(default=None, max_length=100, description="such as `agent.cordon`; all if not given")
    cursor: OptionalText = Field(default=None, max_length=4096)
    limit: OptionalInt = Field(default=None, ge=1, le=200)


class AgentView(View):
    """An agent; sizes are bytes of its scratch disk."""

    agent_id: str
    boot_id: str
    cordoned: bool
    draining: bool
    leases: int
    transfers_capacity: int
    disk_bytes: int
    disk_free_bytes: int
    software_version: str
    registered_at: datetime | None
    last_heartbeat_at: datetime | None

    @classmethod
    def of(cls, agent: operators.AgentInfo) -> AgentView:
        """From jobs' message."""
        return cls(
            agent_id=agent.agent_id,
            boot_id=agent.boot_id,
            cordoned=agent.cordoned,
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

    audit_id: str
    actor_user_id: str
    actor_role: str
    action: str
    target: str
    reason: str
    ticket_id: str
    outcome: str
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
