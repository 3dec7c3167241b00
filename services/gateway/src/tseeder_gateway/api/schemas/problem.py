"""RFC 9457."""

from __future__ import annotations

from pydantic import Field

from tseeder_gateway.api.schemas.wire import View


class FieldProblem(View):
    """One wrong field of a request."""

    field: str = Field(description="its path in the request, such as `selection.file_indexes[3]`")
    code: str
    message: str


class Problem(View):
    """What every answer of 400 and above holds. Decide by `code`: it is stable; texts are for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldProblem]
    details: dict[str, str] = Field(description="facts to act on, such as limits; by name")
