"""Who calls, and whether he may: what a route asks for before anything else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request

from tseeder.auth.v1 import auth_pb2 as pb
from tseeder_gateway.api.parts import Parts, parts_of
from tseeder_gateway.api.schemas.accounts import ScopeName
from tseeder_gateway.domain.access import Access
from tseeder_gateway.domain.addresses import subject
from tseeder_gateway.domain.credentials import Credential, check_api_key, cookie_name, presented
from tseeder_gateway.domain.cross_site import SAFE_METHODS, check_origin, check_token
from tseeder_gateway.domain.forwarded import Scheme, client_address, client_scheme
from tseeder_gateway.domain.rate_limit import RateLimit
from tseeder_kit.errors import AppError, exhausted, forbidden, unauthenticated, unsupported

CALLER: Final = "caller"
"""Of a request's state: whom its memory is counted for."""

_STRANGERS: Final = "strangers"
"""All who are not signed in, together: their bodies are small ones that are not counted, and a few addresses with large
ones must not keep out the uploads of users."""

_USER_AGENT_CHARS: Final = 256
_BODY_TYPES: Final = ("application/json", "multipart/form-data")


class Needs:
    """A dependency: the caller's access, if his credential covers `scope`."""

    def __init__(self, scope: ScopeName) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> Access:
        """Raises AppError: 401, 403 (cross-site, CSRF, scope), 415, 429."""
        parts = parts_of(request)
        access = await _identify(request, parts)
        request.scope["state"][CALLER] = access.user_id
        _take(request, parts.callers, access.user_id)
        if request.method not in SAFE_METHODS:
            _check_unsafe(request, parts, access)
        if self.scope not in access.scopes:
            raise forbidden("scope_missing", "The credential does not cover this.", scope=self.scope)
        return access


def authorizer(parts: Parts, access: Access, scope: ScopeName) -> Callable[[], Awaitable[Access]]:
    """For an answer that outlives an identity: the same credential's access as it is by now. It raises AppError
    UNAUTHENTICATED or FORBIDDEN once the credential is revoked, its owner suspended, or `scope` taken from it."""

    async def authorize() -> Access:
        renewed = await parts.authenticate(access.credential)
        if scope not in renewed.scopes:
            raise forbidden("scope_missing", "The credential does not cover this.", scope=scope)
        return renewed

    return authorize


class Anonymous:
    """A dependency of routes that make a credential: nobody is known yet, so the address is what is limited."""

    async def __call__(self, request: Request) -> None:
        """Raises AppError: 403 for another site's request, 429."""
        parts = parts_of(request)
        request.scope["state"][CALLER] = _STRANGERS
        _take(request, parts.strangers, subject(remote_address(request)))
        _check_origin(request, parts)


class Unnamed:
    """A dependency of routes that ask who calls nothing, since what they name opens by itself: the address is what is
    limited, apart from those who would sign in from there. Pages of other sites may send for it: no credential of the
    client's is read."""

    async def __call__(self, request: Request) -> None:
        """Raises AppError: 429."""
        parts = parts_of(request)
        request.scope["state"][CALLER] = _STRANGERS
        _take(request, parts.strangers, f"unnamed {subject(remote_address(request))}")


def credential_of(request: Request) -> Credential | None:
    """What the request carries. Raises AppError UNAUTHENTICATED for something that is no credential."""
    headers = request.headers
    return presented(
        authorization=headers.getlist("authorization"),
        api_key=headers.getlist("x-api-key"),
        cookies=headers.getlist("cookie"),
        cookie=cookie_name(insecure_http=parts_of(request).settings.insecure_http),
    )


def remote_address(request: Request) -> str:
    """Where the request comes from, as far as trusted proxies say."""
    return client_address(
        _peer(request), _listed(request, "x-forwarded-for"), parts_of(request).settings.trusted_networks
    )


def client_of(request: Request) -> pb.Client:
    """Where the request comes from, for auth's rows."""
    agent = request.headers.get("user-agent", "")
    shown = "".join(char for char in agent if " " <= char <= "~")[:_USER_AGENT_CHARS]
    return pb.Client(user_agent=shown, remote_address=remote_address(request))


def _peer(request: Request) -> str:
    return request.client.host if request.client else ""


def _listed(request: Request, name: str) -> str:
    return ",".join(request.headers.getlist(name))


async def _identify(request: Request, parts: Parts) -> Access:
    try:
        credential = credential_of(request)
        if credential is None:
            raise unauthenticated("unauthenticated", "Sign in, or send an API key.")
        if credential.kind == "api_key":
            check_api_key(credential.secret)
    except AppError:
        _Toll(request, parts).take()
        raise
    return await parts.authenticate(credential, _Toll(request, parts))


class _Toll:
    """One request of an address without a good credential: taken before auth is asked, so that no flood of bad ones
    reaches it."""

    def __init__(self, request: Request, parts: Parts) -> None:
        self._request = request
        self._strangers = parts.strangers
        self._who = subject(remote_address(request))

    def take(self) -> None:
        """Raises AppError EXHAUSTED `rate_limited`."""
        _take(self._request, self._strangers, self._who)

    def give_back(self) -> None:
        """The credential was good, or auth could not say."""
        self._strangers.give_back(self._who)


def _take(request: Request, limit: RateLimit, who: str) -> None:
    verdict = limit.take(who)
    if verdict.taken:
        return
    request.scope["state"]["problem_headers"] = {
        "RateLimit-Limit": str(verdict.limit),
        "RateLimit-Remaining": str(verdict.remaining),
        "RateLimit-Reset": str(verdict.retry_after_seconds),
    }
    raise exhausted("rate_limited", "Too many requests.", retry_after_seconds=verdict.retry_after_seconds)


def _check_unsafe(request: Request, parts: Parts, access: Access) -> None:
    if _has_body(request) and media_type(request) not in _BODY_TYPES:
        # A form or plain text is what another site can make a browser send without asking.
        raise unsupported("unsupported_media_type", "Bodies are application/json or multipart/form-data.")
    if access.by_session:
        _check_origin(request, parts)
        check_token(request.headers.get("x-csrf-token"), access.csrf_token)


def _has_body(request: Request) -> bool:
    """Some clients name a type for a body that they do not send."""
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


def media_type(request: Request) -> str:
    """The body's media type, lower case, without parameters; "" if none is named."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def own_origin(request: Request) -> str:
    """`scheme://host` as the client came here."""
    return f"{_scheme(request) or 'http'}://{request.headers.get('host', '')}"


def _scheme(request: Request) -> Scheme | None:
    settings = parts_of(request).settings
    return client_scheme(
        _peer(request),
        _listed(request, "x-forwarded-proto"),
        settings.trusted_networks,
        insecure_http=settings.insecure_http,
    )


def _check_origin(request: Request, parts: Parts) -> None:
    check_origin(
        scheme=_scheme(request),
        origin=request.headers.get("origin"),
        fetch_site=request.headers.get("sec-fetch-site"),
        host=request.headers.get("host", ""),
        admitted=parts.settings.cors_origins,
    )


JobsRead = Annotated[Access, Depends(Needs("jobs:read"))]
JobsWrite = Annotated[Access, Depends(Needs("jobs:write"))]
FilesRead = Annotated[Access, Depends(Needs("files:read"))]
FilesWrite = Annotated[Access, Depends(Needs("files:write"))]
MeRead = Annotated[Access, Depends(Needs("me:read"))]
MeWrite = Annotated[Access, Depends(Needs("me:write"))]
AdminRead = Annotated[Access, Depends(Needs("admin:read"))]
AdminWrite = Annotated[Access, Depends(Needs("admin:write"))]
