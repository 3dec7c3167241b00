"""Requests that cannot be right: what is sent, by whom, and the status and code that must come back.

The rows' names are those of the design's list of faults; tests/e2e/test_bad_list.py holds one against the other.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import httpx

MAGNET: Final = "magnet:?xt=urn:btih:" + "c3" * 20
PASSWORD_MIB: Final = "x" * 1_000_000
NEW_PASSWORD: Final = "correct horse battery staple"
WHY: Final = {"reason": "a reason of some length", "ticket_id": "T-1"}


@dataclass(frozen=True)
class Stage:
    """Who there is, and what they have. `ann` has one completed job, whose files are `files` by path."""

    ann: httpx.AsyncClient
    ben: httpx.AsyncClient
    admin: httpx.AsyncClient
    nobody: httpx.AsyncClient
    ann_email: str
    job: str
    files: Mapping[str, str]  # path -> id
    contents: Mapping[str, bytes] = field(repr=False)
    key: str  # the Idempotency-Key that made the job
    agent: str
    session: Mapping[str, str] = field(repr=False)  # headers of Ann's browser, with the CSRF token
    ended: Mapping[str, str] = field(repr=False)  # the same, after the logout
    suspended: Mapping[str, str] = field(repr=False)  # a session of somebody who was suspended since
    suspended_key: Mapping[str, str] = field(repr=False)
    narrow: Mapping[str, str] = field(repr=False)  # a key of Ann's for jobs:read and me:write


class Bad(NamedTuple):
    """A request, and what it is answered."""

    send: Callable[[Stage], Awaitable[httpx.Response]]
    status: int
    code: str


def _job(body: bytes, status: int, code: str) -> Bad:
    """A JSON body for a new job."""
    headers = {"Content-Type": "application/json"}
    return Bad(lambda s: s.ann.post("/v1/jobs", content=body, headers=headers), status, code)


def _post(who: str, path: str, body: Any, status: int, code: str, **headers: str) -> Bad:
    """`path` may name {job}, {agent}, {film}."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Bad(lambda s: _client(s, who).post(_path(s, path), json=body, headers=named), status, code)


def _get(who: str, path: str, status: int, code: str) -> Bad:
    return Bad(lambda s: _client(s, who).get(_path(s, path)), status, code)


def _theirs(method: str, path: str, code: str, body: Any = None) -> Bad:
    """Ben, with an id of Ann's."""
    return Bad(lambda s: s.ben.request(method, _path(s, path), json=body), 404, code)


def _browser(
    status: int, code: str, *, without: str = "", headers: Mapping[str, str] | None = None, **sent: Any
) -> Bad:
    """Ann's browser makes a key, `without` one header of its own."""

    def send(stage: Stage) -> Awaitable[httpx.Response]:
        own = {name: value for name, value in stage.session.items() if name != without}
        return stage.nobody.post("/v1/me/api-keys", headers={**own, **(headers or {})}, **sent)

    return Bad(send, status, code)


def _with(headers: Callable[[Stage], Mapping[str, str]], status: int, code: str) -> Bad:
    return Bad(lambda s: s.nobody.get("/v1/me", headers=headers(s)), status, code)


def _client(stage: Stage, who: str) -> httpx.AsyncClient:
    found: httpx.AsyncClient = getattr(stage, who)
    return found


def _path(stage: Stage, path: str) -> str:
    return path.format(job=stage.job, agent=stage.agent, film=stage.files["film.mkv"])


def _of_another_list(path: str, who: str = "ann") -> Bad:
    """A cursor that was really given out, for Ann's files."""

    async def send(stage: Stage) -> httpx.Response:
        page = (await stage.ann.get("/v1/files?limit=1")).json()
        return await _client(stage, who).get(_path(stage, path), params={"cursor": page["next_cursor"]})

    return Bad(send, 400, "bad_cursor")


def _tampered(changed: Callable[[str], str]) -> Bad:
    async def send(stage: Stage) -> httpx.Response:
        page = (await stage.ann.get("/v1/files?limit=1")).json()
        return await stage.ann.get("/v1/files", params={"cursor": changed(page["next_cursor"])})

    return Bad(send, 400, "bad_cursor")


def _flipped(cursor: str) -> str:
    middle = len(cursor) // 2
    return cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :]


def _token(header: Mapping[str, str], **claims: Any) -> str:
    """A JWT without a signature that anybody would take."""
    parts = (header, {"sub": "01890000-0000-7000-8000-000000000000", "role": "superadmin", "exp": 4102444800, **claims})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join((*encoded, ""))


def _full_width(email: str) -> str:
    """The same address to the eye, in other characters."""
    return "".join(chr(ord(char) + 0xFEE0) if char.isalnum() else char for char in email.partition("@")[0]) + (
        "@" + email.partition("@")[2]
    )


def _twin(of: Callable[[str], str]) -> Bad:
    return Bad(
        lambda s: s.admin.post("/v1/admin/users", json={"email": of(s.ann_email), "password": NEW_PASSWORD}),
        409,
        "email_taken",
    )


BAD_REST: Final[Mapping[str, Bad]] = MappingProxyType(
    {
        "duplicate JSON keys": _job(b'{"magnet": "x", "magnet": "y"}', 400, "json_duplicate_key"),
        "duplicate JSON keys: inside": _job(
            b'{"magnet": "x", "selection": {"file_indexes": [0], "file_indexes": [1]}}', 400, "json_duplicate_key"
        ),
        "duplicate JSON keys: one escaped": _job(b'{"name": "x", "n\\u0061me": "y"}', 400, "json_duplicate_key"),
        "NaN": _job(b'{"magnet": NaN}', 400, "json_number_not_finite"),
        "NaN: -Infinity": _job(b'{"magnet": -Infinity}', 400, "json_number_not_finite"),
        "NaN: past a float": _job(b'{"magnet": 1e999}', 400, "json_number_not_finite"),
        "huge integers": _job(b'{"selection": {"file_indexes": [99999999999999999999]}}', 400, "json_number_too_large"),
        "huge integers: 5,000 digits": _job(b'{"magnet": ' + b"9" * 5000 + b"}", 400, "json_number_too_large"),
        "huge integers: past 32 bits": _job(
            json.dumps({"magnet": MAGNET, "selection": {"file_indexes": [2**40]}}).encode(), 400, "invalid_request"
        ),
        "huge integers: a limit": _get("ann", "/v1/jobs?limit=99999999999999999999", 400, "invalid_request"),
        "lone surrogate": _job(b'{"magnet": "x", "name": "\\ud800"}', 400, "json_lone_surrogate"),
        "lone surrogate: a key": _job(b'{"\\udfff": "x"}', 400, "json_lone_surrogate"),
        "lone surrogate: raw": _job(b'{"name": "\xed\xa0\x80"}', 400, "json_not_utf8"),
        "NUL": _job(b'{"magnet": "x", "name": "a\\u0000b"}', 400, "json_nul"),
        "NUL: raw": _job(b'{"magnet": "x", "name": "a\0b"}', 400, "json_invalid"),
        "NUL: in a query": _get("ann", "/v1/jobs?text=a%00b", 400, "invalid_request"),
        "NUL: in a path": _get("ann", "/v1/jobs/%00", 404, "job_not_found"),
        "NUL: in a part": Bad(
            lambda s: s.ann.post("/v1/jobs", files={"torrent": ("a", b"x")}, data={"name": "a\0b"}), 400, "json_nul"
        ),
        "another tenant's id: look": _theirs("GET", "/v1/jobs/{job}", "job_not_found"),
        "another tenant's id: delete": _theirs("DELETE", "/v1/jobs/{job}", "job_not_found"),
        "another tenant's id: rename": _theirs("PATCH", "/v1/jobs/{job}", "job_not_found", {"name": "mine"}),
        "another tenant's id: cancel": _theirs("POST", "/v1/jobs/{job}/cancel", "job_not_found"),
        "another tenant's id: pause": _theirs("POST", "/v1/jobs/{job}/pause", "job_not_found"),
        "another tenant's id: resume": _theirs("POST", "/v1/jobs/{job}/resume", "job_not_found"),
        "another tenant's id: retry": _theirs("POST", "/v1/jobs/{job}/retry", "job_not_found"),
        "another tenant's id: select": _theirs(
            "PUT", "/v1/jobs/{job}/selection", "job_not_found", {"file_indexes": [0]}
        ),
        "another tenant's id: events": _theirs("GET", "/v1/jobs/{job}/events", "job_not_found"),
        "another tenant's id: files": _theirs("GET", "/v1/jobs/{job}/files", "job_not_found"),
        "another tenant's id: a file": _theirs("GET", "/v1/files/{film}", "file_not_found"),
        "another tenant's id: its bytes": _theirs("GET", "/v1/files/{film}/content", "file_not_found"),
        "another tenant's id: its end": _theirs("DELETE", "/v1/files/{film}", "file_not_found"),
        "mass assignment of role": _post(
            "ann", "/v1/me/api-keys", {"name": "k", "role": "admin"}, 400, "invalid_request"
        ),
        "mass assignment of role: at sign-in": _post(
            "nobody",
            "/v1/auth/login",
            {"email": "a@example.org", "password": "x", "role": "admin"},
            400,
            "invalid_request",
        ),
        "mass assignment of role: by a user": _post(
            "ann",
            "/v1/admin/users",
            {"email": "a@example.org", "password": NEW_PASSWORD, "role": "admin"},
            403,
            "scope_missing",
        ),
        "mass assignment of quota": _post(
            "ann", "/v1/jobs", {"magnet": MAGNET, "storage_limit_bytes": 1}, 400, "invalid_request"
        ),
        "mass assignment of quota: a user's": _post(
            "admin",
            "/v1/admin/users",
            {"email": "a@example.org", "password": NEW_PASSWORD, "plan": "all"},
            400,
            "invalid_request",
        ),
        "mass assignment of an owner": _post(
            "ann",
            "/v1/jobs",
            {"magnet": MAGNET, "user_id": "01890000-0000-7000-8000-000000000000"},
            400,
            "invalid_request",
        ),
        "mass assignment of a state": Bad(
            lambda s: s.ann.patch(f"/v1/jobs/{s.job}", json={"state": "failed"}), 400, "invalid_request"
        ),
        "an Idempotency-Key reused with another body": Bad(
            lambda s: s.ann.post("/v1/jobs", json={"magnet": MAGNET}, headers={"Idempotency-Key": s.key}),
            422,
            "idempotency_key_reused",
        ),
        "an Idempotency-Key that is none": _post(
            "ann", "/v1/jobs", {"magnet": MAGNET}, 400, "idempotency_key_invalid", Idempotency_Key="x" * 256
        ),
        "forged cursor": _get("ann", "/v1/jobs?cursor=forged", 400, "bad_cursor"),
        "forged cursor: files": _get("ann", "/v1/files?cursor=forged", 400, "bad_cursor"),
        "forged cursor: a job's files": _get("ann", "/v1/jobs/{job}/files?cursor=forged", 400, "bad_cursor"),
        "forged cursor: users": _get("admin", "/v1/admin/users?cursor=forged", 400, "bad_cursor"),
        "forged cursor: audit": _get("admin", "/v1/admin/audit?cursor=forged", 400, "bad_cursor"),
        "forged cursor: one character": _tampered(_flipped),
        "forged cursor: cut": _tampered(lambda cursor: cursor[:-4]),
        "forged cursor: of another list": _of_another_list("/v1/jobs"),
        "forged cursor: of another filter": _of_another_list("/v1/jobs/{job}/files"),
        "forged cursor: somebody else's": _of_another_list("/v1/files", "ben"),
        "CSRF by text/plain": _browser(
            415, "unsupported_media_type", content=b'{"name": "k"}', headers={"Content-Type": "text/plain"}
        ),
        "CSRF by text/plain: without a token": _browser(
            415,
            "unsupported_media_type",
            without="X-CSRF-Token",
            content=b'{"name": "k"}',
            headers={"Content-Type": "text/plain", "Origin": "https://evil.example"},
        ),
        "CSRF by a form": _browser(415, "unsupported_media_type", without="X-CSRF-Token", data={"name": "k"}),
        "CSRF by multipart": _browser(403, "csrf_token_missing", without="X-CSRF-Token", files={"name": ("k", b"k")}),
        "CSRF by JSON": _browser(403, "csrf_token_missing", without="X-CSRF-Token", json={"name": "k"}),
        "CSRF with a guessed token": _browser(
            403, "csrf_token_invalid", json={"name": "k"}, headers={"X-CSRF-Token": "guess"}
        ),
        "CSRF from another site": _browser(
            403, "cross_site_request", json={"name": "k"}, headers={"Origin": "https://evil.example"}
        ),
        "CSRF: signing somebody in": _post(
            "nobody",
            "/v1/auth/login",
            {"email": "a@example.org", "password": "x"},
            403,
            "cross_site_request",
            Origin="https://evil.example",
        ),
        "operator action with a blank reason": _post(
            "admin", "/v1/admin/jobs/{job}/terminate", {**WHY, "reason": " " * 20}, 400, "reason_required"
        ),
        "operator action with a blank reason: unseen characters": _post(
            "admin", "/v1/admin/jobs/{job}/terminate", {**WHY, "reason": "\u200b" * 20}, 400, "reason_required"
        ),
        "operator action with a blank reason: none": _post(
            "admin", "/v1/admin/jobs/{job}/terminate", {"ticket_id": "T-1"}, 400, "invalid_request"
        ),
        "operator action with a blank ticket": _post(
            "admin", "/v1/admin/jobs/{job}/terminate", {**WHY, "ticket_id": "  "}, 400, "ticket_required"
        ),
        "operator action with a blank reason: cordon": _post(
            "admin", "/v1/admin/agents/{agent}/cordon", {**WHY, "reason": "\t\n" * 10}, 400, "reason_required"
        ),
        "operator action of a user": _post("ann", "/v1/admin/jobs/{job}/terminate", WHY, 403, "scope_missing"),
    }
)

BAD_AUTH: Final[Mapping[str, Bad]] = MappingProxyType(
    {
        "1 MB password": Bad(
            lambda s: s.nobody.post("/v1/auth/login", json={"email": s.ann_email, "password": PASSWORD_MIB}),
            400,
            "password_too_long",
        ),
        "1 MB password: a new one": _post(
            "admin", "/v1/admin/users", {"email": "a@example.org", "password": PASSWORD_MIB}, 400, "password_too_long"
        ),
        "1 MB password: at the bootstrap": _post(
            "nobody",
            "/v1/auth/bootstrap",
            {"token": "x", "email": "a@example.org", "password": PASSWORD_MIB},
            400,
            "password_too_long",
        ),
        "1 MB password: at a registration": _post(
            "nobody",
            "/v1/auth/register",
            {"email": "a@example.org", "password": PASSWORD_MIB, "accepted_terms_version": "1"},
            400,
            "password_too_long",
        ),
        "1 MB password: at a reset": _post(
            "nobody",
            "/v1/auth/password-reset/confirm",
            {"token": "x", "new_password": PASSWORD_MIB},
            400,
            "password_too_long",
        ),
        "Unicode e-mail twin": _twin(_full_width),
        "Unicode e-mail twin: capitals": _twin(str.upper),
        "session after logout": _with(lambda s: s.ended, 401, "session_invalid"),
        "session after suspension": _with(lambda s: s.suspended, 403, "account_suspended"),
        "session after suspension: a key": _with(lambda s: s.suspended_key, 403, "account_suspended"),
        "JWT alg=none": _with(
            lambda _: {"Authorization": f"Bearer {_token({'alg': 'none'}, aud='internal')}"}, 401, "api_key_invalid"
        ),
        "JWT wrong audience": _with(
            lambda _: {"Authorization": f"Bearer {_token({'alg': 'EdDSA', 'kid': 'x'}, aud='public')}"},
            401,
            "api_key_invalid",
        ),
        "JWT as a session": _with(
            lambda _: {"Cookie": f"tseeder={_token({'alg': 'none'}, aud='internal')}"}, 401, "session_invalid"
        ),
        "scope escalation": Bad(
            lambda s: s.nobody.post(
                "/v1/me/api-keys", json={"name": "k", "scopes": ["jobs:write"]}, headers=dict(s.narrow)
            ),
            403,
            "scope_escalation",
        ),
        "scope escalation: to an operator's": _post(
            "ann", "/v1/me/api-keys", {"name": "k", "scopes": ["admin:write"]}, 403, "scope_escalation"
        ),
        "scope escalation: a made-up one": _post(
            "ann", "/v1/me/api-keys", {"name": "k", "scopes": ["everything"]}, 400, "unknown_scope"
        ),
        "scope escalation: a call": Bad(
            lambda s: s.nobody.post("/v1/jobs", json={"magnet": MAGNET}, headers=dict(s.narrow)), 403, "scope_missing"
        ),
    }
)
