"""Who may do what: every operation of the description, for every role, for a key of each single scope, about one's own
things and somebody else's. A route that is not built here, or is not described, fails."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from tests.integration.auth.running import unique_email
from tests.integration.gateway.conftest import MakeSample, lease_of, submitted
from tests.integration.gateway.running import Caller, Door, browsing, granted, linked_identity, unique
from tests.integration.jobs.playing import Agent
from tseeder.auth.v1 import auth_pb2

ROLES: Final = ("user", "support", "admin", "superadmin")
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
GATE: Final = frozenset({"scope_missing", "role_too_low"})


@dataclass(frozen=True)
class Principal:
    """Somebody who tries everything. `owner` is whose things are his own."""

    name: str
    headers: dict[str, str]
    role: str = ""
    scope: str = ""
    owner: str = ""

    def may(self, operation: dict[str, Any]) -> bool:
        """What the description says."""
        if self.scope:
            return bool(self.scope == operation["x-scope"])
        return bool(self.role) and ROLES.index(self.role) >= ROLES.index(operation["x-least-role"])


@dataclass
class Things:
    """Ids by owner and path parameter; a deleted one is made anew."""

    make: dict[str, Callable[[str], Awaitable[str]]]
    known: dict[tuple[str, str], str] = field(default_factory=dict)

    async def of(self, owner: str, parameter: str) -> str:
        """An id of this owner's. Fails for a parameter that nobody has said how to make."""
        assert parameter in self.make, f"say here how a {parameter} is made"
        if (owner, parameter) not in self.known:
            self.known[owner, parameter] = await self.make[parameter](owner)
        return self.known[owner, parameter]

    def gone(self, owner: str) -> None:
        """One was deleted, and with a job its files, or is no dead letter any more."""
        for known in [key for key in self.known if key[0] == owner]:
            del self.known[known]


@pytest.fixture
async def principals(door: Door) -> dict[str, Principal]:
    """One of each, and a stranger whose things are nobody's here."""
    made = {"anonymous": Principal("anonymous", {})}
    people: dict[str, Caller] = {}
    for role in (*ROLES, "stranger"):
        kind = auth_pb2.Role.Value(f"ROLE_{(role if role in ROLES else 'user').upper()}")
        email = (await door.upstream.auth.new_user(kind, unique_email())).email
        people[role] = await browsing(door, email)
        made[role] = Principal(role, dict(people[role].headers), role if role in ROLES else "user", owner=role)
    scopes = (await door.call("GET", "/v1/me", user=people["superadmin"])).json["scopes"]
    assert {"admin:read", "admin:write", "me:write"} <= set(scopes)
    for scope in scopes:
        body = {"name": scope, "scopes": [scope]}
        key = await door.call("POST", "/v1/me/api-keys", user=people["superadmin"], json=body)
        made[scope] = Principal(f"key of {scope}", {"X-API-Key": key.json["secret"]}, scope=scope, owner="superadmin")
    return made


def of_accounts(door: Door, principals: dict[str, Principal]) -> dict[str, Callable[[str], Awaitable[str]]]:
    """How those come to be that are about accounts themselves."""

    async def provider(_owner: str) -> str:
        return "example"

    async def subject(owner: str) -> str:
        user_id = (await door.call("GET", "/v1/me", headers=principals[owner].headers)).json["user_id"]
        return await linked_identity(door, user_id)

    async def session(owner: str) -> str:
        """One more, of a browser that nobody sits at."""
        email = (await door.call("GET", "/v1/me", headers=principals[owner].headers)).json["email"]
        await browsing(door, email)
        listed = await door.call("GET", "/v1/me/sessions", headers=principals[owner].headers)
        return str(next(each["session_id"] for each in listed.json["items"] if not each["current"]))

    async def account(_owner: str) -> str:
        return (await door.upstream.auth.new_user()).user_id  # nobody's here: it is suspended, and more

    return {"provider": provider, "subject": subject, "session_id": session, "user_id": account}


@pytest.fixture
def things(door: Door, principals: dict[str, Principal], agent: Agent, sample: MakeSample) -> Things:
    """How each kind of id comes to be."""

    def caller(owner: str) -> Caller:
        return Caller("", "", principals[owner].headers)

    async def job(owner: str) -> str:
        return await submitted(door, caller(owner), await sample({"a.txt": 10}))

    async def file(owner: str) -> str:
        files = await door.call("GET", f"/v1/jobs/{await job(owner)}/files", user=caller(owner))
        return str(files.json["items"][0]["file_id"])

    async def key(owner: str) -> str:
        made = await door.call("POST", "/v1/me/api-keys", user=caller(owner), json={"name": unique()})
        return str(made.json["key"]["key_id"])

    async def the_agent(_owner: str) -> str:
        return agent.agent_id

    async def dead_letter(owner: str) -> str:
        lease = await lease_of(agent, await job(owner))
        await agent.fail(lease)
        return lease.transfer_id

    async def link(owner: str, part: str = "link_id") -> str:
        made = await door.call("POST", f"/v1/files/{await file(owner)}/links", user=caller(owner), json={})
        return str({**made.json, **made.json["link"]}[part])

    async def token(owner: str) -> str:
        return await link(owner, "token")

    async def grant(owner: str) -> str:
        return await granted(door, caller(owner), await file(owner))

    make = {
        "job_id": job,
        "file_id": file,
        "key_id": key,
        "agent_id": the_agent,
        "transfer_id": dead_letter,
    }
    shared = {"link_id": link, "token": token, "grant": grant}
    return Things({**make, **shared, **of_accounts(door, principals)})


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def body_of(operation: dict[str, Any]) -> dict[str, Any]:
    """What to send: the example. Fails for an operation that wants a body, a header or a query and shows none."""
    for parameter in operation["parameters"]:
        assert parameter["in"] == "path" or not parameter.get("required"), parameter
    if "requestBody" not in operation:
        return {}
    return {"json": operation["requestBody"]["content"]["application/json"]["example"]}


async def outcome(door: Door, method: str, path: str, headers: dict[str, str], body: dict[str, Any]) -> str:
    """`anonymous`, `denied`, `missing` or `allowed`: how far the request came."""
    async with door.http.request(method, door.url + path, headers=headers, allow_redirects=False, **body) as answer:
        is_problem = answer.content_type == "application/problem+json" and method != "HEAD"
        code = str((await answer.json(content_type=None))["code"]) if is_problem else ""
        status = answer.status
    if status == 401 and code in ("", "unauthenticated"):
        return "anonymous"
    if status == 403 and (code in GATE or method == "HEAD"):
        return "denied"
    if status == 404 and (code.endswith("_not_found") or method == "HEAD"):
        return "missing"
    return "allowed" if status < 500 else f"{status} {code}"


def expected(principal: Principal, operation: dict[str, Any], whose: str) -> str:
    """What the description says of this cell."""
    if "x-scope" not in operation:
        return "allowed"
    if principal.name == "anonymous":
        return "anonymous"
    if not principal.may(operation):
        return "denied"
    is_operators = operation["x-scope"].startswith("admin:")  # they act on anybody's
    return "missing" if whose == "other" and not is_operators else "allowed"


@dataclass(frozen=True)
class Cell:
    """One request of the matrix."""

    principal: Principal
    whose: str
    owner: str
    url: str
    headers: dict[str, str]


async def cells_of(
    door: Door, principals: dict[str, Principal], things: Things, path: str, operation: dict[str, Any]
) -> AsyncIterator[Cell]:
    """Each made when it is its turn: the one before may have deleted what it asks for."""
    names = re.findall(r"\{([a-z_]+)\}", path)
    for principal in principals.values():
        if principal.name == "stranger":
            continue
        for whose in ("own", "other") if names else ("own",):
            owner = "stranger" if whose == "other" or not principal.owner else principal.owner
            url = path.format(**{name: await things.of(owner, name) for name in names})
            headers = principal.headers
            if operation["operationId"] == "log_out" and principal.role:
                email = (await door.call("GET", "/v1/me", headers=headers)).json["email"]
                headers = dict((await browsing(door, email)).headers)  # a session of its own to end
            yield Cell(principal, whose, owner, url, headers)


async def test_everybody_may_what_the_description_says_and_nothing_else(
    door: Door, principals: dict[str, Principal], things: Things
) -> None:
    document = (await door.call("GET", "/openapi.json")).json
    count = 0
    wrong: list[str] = []

    async def check(cell: Cell) -> str:
        seen = await outcome(door, method, cell.url, cell.headers, body)
        if seen != expected(cell.principal, operation, cell.whose):
            wrong.append(f"{cell.principal.name}: {method} {path} ({cell.whose}): {seen}")
        return seen

    for method, path, operation in operations(document):
        body = body_of(operation)
        cells = cells_of(door, principals, things, path, operation)
        if method in ("GET", "HEAD"):  # some wait for bytes that never come, and none changes anything
            count += len(await asyncio.gather(*[check(cell) async for cell in cells]))
            continue
        async for cell in cells:
            count += 1
            taken = "{" in path and (method == "DELETE" or operation["operationId"] == "replay_dead_letter")
            if await check(cell) == "allowed" and taken:
                things.gone(cell.owner)
    assert not wrong, "\n".join(wrong)
    print(f"the matrix has {count} cells")
    assert count > 10 * len(list(operations(document)))


async def test_the_description_knows_every_route_and_every_other_method_is_refused(door: Door) -> None:
    document = (await door.call("GET", "/openapi.json")).json
    for path, described in document["paths"].items():
        url = re.sub(r"\{[a-z_]+\}", "01a1f8b5-2825-728a-81b6-9320f137115c", path)
        known = {method.upper() for method in described}
        for method in METHODS:
            answer = await door.call(method, url)
            if method in known:
                assert answer.status != 405, (method, path)
                continue
            assert answer.status == 405, (method, path)
            assert method == "HEAD" or answer.code == "method_not_allowed"
            assert set(answer.headers["Allow"].split(", ")) == known, (method, path)
