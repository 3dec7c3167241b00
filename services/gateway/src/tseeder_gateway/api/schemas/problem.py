"""RFC 9457."""

from __future__ import annotations

from pydantic import Field

from tseeder_gateway.api.schemas.wire import View, described


class FieldProblem(View):
    """One wrong field of a request."""

    field: str = Field(description="its path in the request, such as `selection.file_indexes[3]`")
    code: str = described(pattern="^[a-z0-9_]+$")
    message: str


class Problem(View):
    """What every answer of 400 and above holds. Decide by `code`: it is stable; texts are for people."""

    type: str = described("`urn:tseeder:problem:` and the code", pattern="^urn:tseeder:problem:[a-z0-9_]+$")
    title: str
    status: int = described(minimum=400, maximum=599)
    detail: str
    code: str = described(pattern="^[a-z0-9_]+$")
    request_id: str = described("as in X-Request-Id")
    errors: list[FieldProblem] = described("the fields that are wrong, 50 at most", maxItems=50)
    details: dict[str, str] = Field(description="facts to act on, such as limits; by name")
