"""The cookie that holds a session's secret: set and dropped in one place."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tseeder.auth.v1 import auth_pb2 as pb
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.schemas.wire import present_timestamp
from tseeder_gateway.domain.credentials import cookie_name
from tseeder_kit.clock import now


def set_session_cookie(request: Request, response: Response, session: pb.LogInResponse) -> None:
    """The session that began, for as long as it lasts at most."""
    insecure = parts_of(request).settings.insecure_http
    expires_at = present_timestamp(session, "expires_at")
    response.set_cookie(
        cookie_name(insecure_http=insecure),
        session.session_token,
        max_age=max(0, int((expires_at - now()).total_seconds())),
        path="/",
        secure=not insecure,
        httponly=True,
        samesite="lax",
    )


def drop_session_cookie(request: Request, response: Response) -> None:
    """The session is over."""
    insecure = parts_of(request).settings.insecure_http
    response.delete_cookie(
        cookie_name(insecure_http=insecure), path="/", secure=not insecure, httponly=True, samesite="lax"
    )
