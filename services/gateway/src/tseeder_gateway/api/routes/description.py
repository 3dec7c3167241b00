"""The description of this API."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

router = APIRouter(tags=["health"])

_DOCUMENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "OpenAPI 3.1", "content": {"application/json": {"schema": {"type": "object"}}}}
}


@router.get("/openapi.json", response_class=Response, responses=_DOCUMENT)
async def describe_api(request: Request) -> Response:
    """This document."""
    content: bytes = request.app.state.description()
    return Response(content, media_type="application/json", headers={"Cache-Control": "public, max-age=300"})
