"""The cookie that holds a session's secret."""

from __future__ import annotations

from datetime import datetime

from fastapi import Response

from tseeder.auth.v1 import auth_pb2 as pb
from tseeder_gateway.api.schemas.wire import present_timestamp
from tseeder_gateway.domain.credentials import cookie_name
from tseeder_kit.clock import now


def set_session_cookie(response: Response, session: pb.LogInResponse, *, insecure: bool) -> None:
    """The browser holds this session from now on."""
    expires_at: datetime = present_timestamp(session, "expires_at")
    response.set_cookie(
        cookie_name(insecure_http=insecure),
        session.session_token,
        max_age=max(0, int((expires_at - now()).total_seconds())),
        path="/",
        secure=not insecure,
        httponly=True,
        samesite="lax",
    )


def drop_session_cookie(response: Response, *, insecure: bool) -> None:
    """The browser holds none any more."""
    response.delete_cookie(
        cookie_name(insecure_http=insecure), path="/", secure=not insecure, httponly=True, samesite="lax"
    )
