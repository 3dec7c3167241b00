"""Every error that leaves the gateway: RFC 9457, by one function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tseeder_gateway.api.schemas.problem import FieldProblem, Problem
from tseeder_gateway.api.server import ClientGoneError
from tseeder_kit.errors import AppError, FieldError, Kind, internal, invalid, unavailable
from tseeder_kit.logging import get_logger
from tseeder_kit.trace_context import current_trace

MEDIA_TYPE: Final = "application/problem+json"

CHALLENGE: Final = 'Bearer realm="tseeder"'
LOCKED_LINK: Final = "link_password_required"
LINK_CHALLENGE: Final = 'Basic realm="tseeder link", charset="UTF-8"'
"""RFC 7617: browsers ask for a password, and players and curl know how to send one."""

_SHOWN_ERRORS: Final = 50
_SHOWN_CHARS: Final = 200
_RETRY_SECONDS: Final = 1  # after UNAVAILABLE, where nobody knows better
_CLIENT_CLOSED: Final = 499  # has no phrase in http.HTTPStatus

_log = get_logger(__name__)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    request_id: str,
    errors: Sequence[FieldError] = (),
    details: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer for one error."""
    body = Problem(
        type=f"urn:tseeder:problem:{code}",
        title="Client Closed Request" if status == _CLIENT_CLOSED else HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        request_id=request_id,
        errors=[
            FieldProblem(field=each.field[:_SHOWN_CHARS], code=each.code, message=each.message)
            for each in errors[:_SHOWN_ERRORS]
        ],
        details=dict(details or {}),
    )
    return Response(body.model_dump_json(), status, dict(headers or {}), media_type=MEDIA_TYPE)


def of_app_error(error: AppError, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer for an AppError, with the headers that its kind asks for; our own fault names its trace."""
    if error.kind is Kind.CANCELLED:
        # A service that stops ends its calls so. Whoever called us is still there.
        error = unavailable("service_unavailable", "A service ended the call; try again.")
    status = error.row.http_status
    extra = dict(headers or {})
    if status == HTTPStatus.UNAUTHORIZED:
        extra["WWW-Authenticate"] = LINK_CHALLENGE if error.code == LOCKED_LINK else CHALLENGE
    wait = error.details.get("retry_after_seconds", "")
    if wait.isdigit():
        extra["Retry-After"] = wait
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        extra["Retry-After"] = str(_RETRY_SECONDS)
    trace = current_trace() if error.kind is Kind.INTERNAL else None
    return problem(
        status,
        error.code,
        error.message,
        request_id=request_id,
        errors=error.fields,
        details=error.details if trace is None else {**error.details, "trace_id": trace.trace_id},
        headers=extra,
    )


def invalid_request(errors: Sequence[Mapping[str, Any]], *, skip: int = 0) -> AppError:
    """From pydantic's list of errors; `skip` leading elements of each location say where, not what."""
    fields = [
        FieldError(_path(each["loc"][skip:]), str(each["type"]), str(each["msg"]).removeprefix("Value error, "))
        for each in errors[:_SHOWN_ERRORS]
    ]
    return invalid("invalid_request", "The request is not as it should be; `errors` says where.", fields=fields)


def request_id_of(request: Request) -> str:
    """The id of this request, as the context set it."""
    return str(request.scope["state"]["request_id"])


def install(app: FastAPI) -> None:
    """Makes `app` answer every exception with a problem."""

    async def on_app_error(request: Request, exc: Exception) -> Response:
        headers = request.scope["state"].get("problem_headers")
        return of_app_error(cast("AppError", exc), request_id_of(request), headers)

    async def on_validation(request: Request, exc: Exception) -> Response:
        errors = cast("RequestValidationError", exc).errors()
        return of_app_error(invalid_request(errors, skip=1), request_id_of(request))

    async def on_http(request: Request, exc: Exception) -> Response:
        number = request_id_of(request)
        match cast("HTTPException", exc).status_code:
            case HTTPStatus.NOT_FOUND:
                return problem(HTTPStatus.NOT_FOUND, "route_not_found", "There is no such route.", request_id=number)
            case HTTPStatus.METHOD_NOT_ALLOWED:
                return problem(
                    HTTPStatus.METHOD_NOT_ALLOWED,
                    "method_not_allowed",
                    "The route has other methods; `Allow` names them.",
                    request_id=number,
                    headers={"Allow": _allowed(app, request)},
                )
            case _:  # nothing else is left to the framework
                return await on_defect(request, exc)

    async def on_defect(request: Request, exc: Exception) -> Response:
        if isinstance(exc, ClientGoneError):
            return Response(status_code=_CLIENT_CLOSED)  # nobody hears it; what is around us gets the exception
        _log.error("request_failed", exc_info=exc)
        return of_app_error(internal(), request_id_of(request))

    app.add_exception_handler(AppError, on_app_error)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_defect)


def validation_error(exc: ValidationError) -> AppError:
    """From a model that a body did not fit. The values are the client's, and are not said again."""
    return invalid_request(exc.errors(include_url=False, include_context=False, include_input=False))


def _allowed(app: FastAPI, request: Request) -> str:
    """All methods that the path has, over all routes; the framework names those of one route only."""
    path = request.scope["path"]
    routes = [route for route in app.router.routes if isinstance(route, APIRoute) and route.path_regex.match(path)]
    return ", ".join(sorted({method for route in routes for method in route.methods or ()}))


def _path(location: Sequence[int | str]) -> str:
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text[:_SHOWN_CHARS].encode(errors="replace").decode()
