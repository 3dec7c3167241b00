"""The REST API's routes for operators' work on accounts, one function an endpoint."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import quote

from tseeder_cli.client import Client
from tseeder_cli.wire import Page, User


async def list_users(client: Client, *, text: str, limit: int) -> Page[User]:
    """The newest accounts whose address holds `text`."""
    params: dict[str, Any] = {"limit": limit, **({"text": text} if text else {})}
    return cast(Page[User], await client.call("GET", "/v1/admin/users", params=params))


async def set_role(client: Client, user_id: str, role: str, *, reason: str, ticket_id: str) -> User:
    """What an account may do; its sessions end."""
    body = {"role": role, "reason": reason, "ticket_id": ticket_id}
    return cast(User, await client.call("POST", _path(user_id, "role"), json=body))


async def set_suspended(client: Client, user_id: str, *, suspended: bool, reason: str, ticket_id: str) -> User:
    """Close an account, or open it again."""
    path = _path(user_id, "suspend" if suspended else "reinstate")
    return cast(User, await client.call("POST", path, json={"reason": reason, "ticket_id": ticket_id}))


async def force_logout(client: Client, user_id: str, *, reason: str, ticket_id: str) -> int:
    """End an account's sessions; how many there were."""
    body = {"reason": reason, "ticket_id": ticket_id}
    return int((await client.call("POST", _path(user_id, "force-logout"), json=body))["ended"])


def _path(user_id: str, verb: str) -> str:
    return f"/v1/admin/users/{quote(user_id, safe='')}/{verb}"
