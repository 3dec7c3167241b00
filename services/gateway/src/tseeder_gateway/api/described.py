"""What /openapi.json says beside the routes: credentials, headers, tags, limits."""

from __future__ import annotations

from typing import Any, Final

from tseeder_gateway.api.problems import CHALLENGE, LINK_CHALLENGE

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}
_COUNT: Final[Json] = {"type": "integer", "minimum": 0}
_ETAG: Final[Json] = {"type": "string", "pattern": '^"[!#-~]*"$'}

HEADERS: Final[dict[str, Json]] = {
    "X-Request-Id": {
        "description": "names this request in tseeder's logs; the client's own, if it sent one of 8 to 128 of "
        "letters, digits, `.`, `_` and `-`",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,128}$"},
        "example": "01a1f8b5-2825-728a-81b6-9320f137115c",
    },
    "Retry-After": {
        "description": "seconds after which the same request may do better",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
    "RateLimit-Limit": {"description": "requests at once (of `rate_limited` only)", "schema": _COUNT, "example": 1000},
    "RateLimit-Remaining": {"description": "requests left (of `rate_limited` only)", "schema": _COUNT, "example": 0},
    "RateLimit-Reset": {
        "description": "seconds until there is one again (of `rate_limited` only)",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
    "WWW-Authenticate": {
        "required": True,
        "schema": {"type": "string", "const": CHALLENGE},
        "example": CHALLENGE,
    },
    "Link-Authenticate": {
        "description": "any user name, and the link's password",
        "required": True,
        "schema": {"type": "string", "const": LINK_CHALLENGE},
        "example": LINK_CHALLENGE,
    },
    "Set-Cookie": {
        "description": "`__Host-tseeder` (`tseeder` over plain http): Secure, HttpOnly, SameSite=Lax, Path=/",
        "required": True,
        "schema": _TEXT,
        "example": "__Host-tseeder=secret; HttpOnly; Max-Age=2592000; Path=/; SameSite=lax; Secure",
    },
    "Location": {
        "description": "where the job is",
        "required": True,
        "schema": {"type": "string", "pattern": "^/v1/jobs/[0-9a-f-]{36}$"},
        "example": "/v1/jobs/01a1f8b5-2825-728a-81b6-9320f137115c",
    },
    "Idempotent-Replayed": {
        "description": "there where an earlier request with this Idempotency-Key made what is answered",
        "schema": {"type": "string", "const": "true"},
        "example": "true",
    },
    "ETag": {"description": "strong; changes with the bytes", "required": True, "schema": _ETAG, "example": '"0a1b2c"'},
    "Accept-Ranges": {"required": True, "schema": {"type": "string", "const": "bytes"}, "example": "bytes"},
    "Content-Range": {
        "description": "of one range; several have theirs in the parts. Of a 416: `bytes */<size>`",
        "schema": {"type": "string", "pattern": r"^bytes ([0-9]+-[0-9]+|\*)/[0-9]+$"},
        "example": "bytes 0-1023/4096",
    },
    "Content-Disposition": {
        "description": "RFC 6266; `inline` for media types only that a browser can show without running them",
        "required": True,
        "schema": {"type": "string", "pattern": "^(inline|attachment); filename="},
        "example": 'attachment; filename="notes.txt"',
    },
    "Content-Security-Policy": {"required": True, "schema": {"type": "string", "const": "sandbox"}},
    "Storage-Location": {
        "description": "a URL of the object store, good for minutes, or the content origin, for hours; it is a secret",
        "required": True,
        "schema": {"type": "string", "format": "uri"},
        "example": "https://storage.example.org/bucket/key?X-Amz-Signature=0a1b",
    },
    "Provider-Location": {
        "description": "the provider's page; the sign-in's own secrets are in it",
        "required": True,
        "schema": {"type": "string", "format": "uri"},
        "example": "https://accounts.example.org/authorize?client_id=tseeder&state=q3Zr0m2V",
    },
    "Return-Location": {
        "description": "`return_to`; with `#challenge=...` where the second factor is awaited",
        "required": True,
        "schema": {"type": "string", "pattern": "^/"},
        "example": "/",
    },
    "Flow-Cookie": {
        "description": "`__Host-tseeder-oidc` (`tseeder-oidc` over plain http), for 10 minutes: Secure, HttpOnly, "
        "SameSite=Lax, Path=/",
        "required": True,
        "schema": _TEXT,
        "example": "__Host-tseeder-oidc=secret; HttpOnly; Max-Age=600; Path=/; SameSite=lax; Secure",
    },
}
"""Headers of answers, by the name of their component."""

_NAMES: Final = {
    "Storage-Location": "Location",
    "Provider-Location": "Location",
    "Return-Location": "Location",
    "Flow-Cookie": "Set-Cookie",
    "Link-Authenticate": "WWW-Authenticate",
}

SECURITY_SCHEMES: Final[Json] = {
    "api_key": {"type": "http", "scheme": "bearer", "description": "an API key: `tsk_...`"},
    "api_key_header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-tseeder",
        "description": "of a sign-in. POST, PUT, PATCH and DELETE need the header X-CSRF-Token, too, with the "
        "`csrf_token` of the sign-in or of GET /v1/me, and no foreign Origin. Over plain http (INSECURE_HTTP) the "
        "cookie's name is `tseeder`.",
    },
}
CREDENTIALS: Final[list[dict[str, list[str]]]] = [{name: []} for name in SECURITY_SCHEMES]

TAGS: Final = [
    {"name": "health", "description": "Whether the gateway lives, and whether what it needs is there. No credential."},
    {"name": "auth", "description": "Becoming somebody, and ceasing to be."},
    {"name": "me", "description": "The caller's own account and API keys."},
    {"name": "jobs", "description": "What is fetched: one torrent, or some of its files, for one user."},
    {"name": "files", "description": "What was fetched: to look at, to download, to give up."},
    {"name": "links", "description": "Files for whoever has the link: for a while, so many times, by a password."},
    {"name": "cache", "description": "What is stored already, before anything is submitted."},
    {"name": "usage", "description": "Plans, and what is used of the caller's."},
    {"name": "admin", "description": "Operators' views and verbs; verbs are audited."},
]


def _event(name: str, view: str, *, has_id: bool) -> Json:
    """The fields of one event."""
    data = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"$ref": f"#/components/schemas/{view}"},
    }
    number = {
        "type": "string",
        "pattern": "^[0-9]+$",
        "description": "the job's version" if has_id else "not sent: readers keep that of the event before",
    }
    return {
        "type": "object",
        "properties": {"event": {"type": "string", "const": name}, "data": data, "id": number},
        "required": ["event", "data", *(("id",) if has_id else ())],
        "additionalProperties": False,
    }


EVENTS: Final[Json] = {
    "description": """Server-sent events; the schema is that of each event.

- `snapshot`: first, unless Last-Event-ID names the job's present version.
- `job`: the job has a newer version.
- `progress`: how far it is, about once a second while it moves. It has no id, and may be missed.
- `end`: nothing more will come; do not open the stream again.

Comments (`: ping`) come every 15 s. A stream that ends without `end` (a restart, a lost connection) is to be opened
again, after `retry` milliseconds. Each data is one line of JSON.""",
    "content": {
        "text/event-stream": {
            "schema": {
                "type": "object",
                "oneOf": [
                    _event("snapshot", "SnapshotView", has_id=True),
                    _event("job", "JobView", has_id=True),
                    _event("progress", "ProgressView", has_id=False),
                    _event("end", "EndView", has_id=False),
                ],
            },
            "example": {"event": "end", "data": '{"reason":"completed"}'},
        }
    },
}

REQUEST_HEADERS: Final[dict[str, Json]] = {
    "X-Request-Id": {
        "description": "a name for this request, 8 to 128 of letters, digits, `.`, `_` and `-`; others are passed over",
        "example": "my-request-0001",
    },
    "X-CSRF-Token": {"description": "`csrf_token` of the session; with the cookie only", "example": "kP0a1B2c3D4e5F6g"},
    "Last-Event-ID": {"description": "the last id that was seen; saves a snapshot that is known", "example": "7"},
    "Range": {"description": "`bytes=`, 5 ranges at most; more get the whole file", "example": "bytes=0-1023"},
    "If-Range": {"description": "a strong ETag: Range holds for this very file only", "example": '"0a1b2c"'},
    "If-Match": {"description": "ETags; 412 if the file is none of them", "example": '"0a1b2c"'},
    "If-None-Match": {"description": "ETags; 304 if the file is one of them", "example": '"0a1b2c"'},
}
"""Headers that a request may have. Any text may be sent: what they do not understand has no effect."""

LEAST_ROLE: Final = {"admin:read": "support", "admin:write": "admin"}
"""The least role that holds a scope; `user` for all others. A route that asks for more says so by `openapi_extra`."""


def headers(*names: str) -> Json:
    """`headers` of a response, by reference."""
    return {_NAMES.get(name, name): {"$ref": f"#/components/headers/{name}"} for name in names}


def description(limits: dict[str, int]) -> str:
    """The text at the top."""
    sizes = "\n".join(f"- {text}: {limits[name]:,}" for name, text in LIMITS.items())
    return f"""Fetches torrents into object storage, and serves the files.

Errors are RFC 9457 problems (`application/problem+json`). Decide by their `code`: each response here lists those that
it may carry. An order of checks holds everywhere: credential, rate, CSRF, scope, id, body.

`x-scope` is the scope that an operation needs, `x-least-role` the least role that may. Somebody else's ids
answer 404, as ids of nothing do.

Every GET but the event stream answers HEAD, too. Any other method on a path answers 405 `method_not_allowed` with
`Allow`; any other path 404 `route_not_found`. Trailing slashes are not forgiven. With CORS origins set, a preflight is
answered before all that (403 `cors_refused` for other origins).

Limits (the sizes of bodies are settings; these are their defaults):
{sizes}

Integers beyond 64 bits, NaN, duplicate keys, lone surrogates and NUL characters are refused, unknown keys and query
names, too. Empty query values are absent ones. Bodies come without Content-Encoding.
"""


LIMITS: Final = {
    "max_head_bytes": "bytes of a request's target and headers (431 `headers_too_large`)",
    "max_headers": "headers of a request (431 `headers_too_large`)",
    "max_json_bytes": "bytes of a JSON body (413 `body_too_large`); POST /v1/jobs takes 65,536 more",
    "max_json_depth": "levels that JSON nests (400 `json_too_deep`)",
    "max_json_keys": "keys of an object (400 `invalid_request`)",
    "max_upload_bytes": "bytes of a multipart body (413 `body_too_large`)",
    "max_upload_fields": "fields of a multipart body beside the file (400 `multipart_invalid`)",
}
"""What `x-limits` says, and how."""

WARMTH_EVENTS: Final[Json] = {
    "description": """Server-sent events; the schema is that of each event.

- `progress`: how much of both ends is here, about once a second.
- `end`: they are here, or why they will not be. A stream that ends without it may be asked for again.""",
    "content": {
        "text/event-stream": {
            "schema": {
                "type": "object",
                "oneOf": [
                    _event("progress", "WarmthView", has_id=False),
                    _event("end", "WarmedUpView", has_id=False),
                ],
            },
            "example": {"event": "end", "data": '{"reason":"ready","code":null,"message":null}'},
        }
    },
}
