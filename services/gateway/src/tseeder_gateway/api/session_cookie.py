"""The cookies that a browser gets from us, and who it says that it is."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response

from tseeder.auth.v1 import auth_pb2 as pb
from tseeder_gateway.api.access import remote_address
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.schemas.wire import present_timestamp
from tseeder_gateway.domain.credentials import cookie_name, flow_cookie_name
from tseeder_kit.clock import now

FLOW_SECONDS: Final = 600
_USER_AGENT_CHARS: Final = 256


def set_session(request: Request, response: Response, session: pb.LogInResponse) -> None:
    """The session's secret, for as long as it is good at most."""
    insecure = parts_of(request).settings.insecure_http
    left = int((present_timestamp(session, "expires_at") - now()).total_seconds())
    _set(response, cookie_name(insecure_http=insecure), session.session_token, max(0, left), insecure=insecure)


def drop_session(request: Request, response: Response) -> None:
    """The end of it."""
    insecure = parts_of(request).settings.insecure_http
    _drop(response, cookie_name(insecure_http=insecure), insecure=insecure)


def set_flow(request: Request, response: Response, secret: str) -> None:
    """Binds a sign-in through a provider to this browser. Lax: it comes back by a link of another site."""
    insecure = parts_of(request).settings.insecure_http
    _set(response, flow_cookie_name(insecure_http=insecure), secret, FLOW_SECONDS, insecure=insecure)


def drop_flow(request: Request, response: Response) -> None:
    """The sign-in has come back."""
    insecure = parts_of(request).settings.insecure_http
    _drop(response, flow_cookie_name(insecure_http=insecure), insecure=insecure)


def client_of(request: Request) -> pb.Client:
    """Where the request comes from, for sessions' lists and security events."""
    agent = request.headers.get("user-agent", "")
    printable = "".join(char for char in agent if " " <= char <= "~")[:_USER_AGENT_CHARS]
    return pb.Client(user_agent=printable, remote_address=remote_address(request))


def _set(response: Response, name: str, secret: str, max_age: int, *, insecure: bool) -> None:
    response.set_cookie(name, secret, max_age=max_age, path="/", secure=not insecure, httponly=True, samesite="lax")


def _drop(response: Response, name: str, *, insecure: bool) -> None:
    response.delete_cookie(name, path="/", secure=not insecure, httponly=True, samesite="lax")
