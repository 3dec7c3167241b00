"""The two forms of POST /v1/jobs, as one message for jobs."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_gateway.api.access import media_type
from tseeder_gateway.api.bodies import multipart, read, validated
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.schemas.jobs import PriorityPart, SelectionBody, SubmitBody, priority_of
from tseeder_gateway.domain import strict_json
from tseeder_kit.errors import AppError, FieldError, invalid, unsupported

MAGNET_ROOM_BYTES: Final = 64 * 1024
"""Beyond the limit for JSON, so that a magnet of a whole MiB still gets jobs' own clear answer."""

_FIELDS: Final = frozenset({"torrent", "name", "selection", "priority"})

_MULTIPART: Final[dict[str, Any]] = {
    "schema": {
        "type": "object",
        "required": ["torrent"],
        "additionalProperties": False,
        "properties": {
            "torrent": {
                "type": "string",
                "contentMediaType": "application/x-bittorrent",
                "description": "the .torrent, with a filename; 10 MB at most",
            },
            "name": {"type": "string", "maxLength": 255},
            "selection": {
                "type": "string",
                "contentMediaType": "application/json",
                "description": 'as `selection` in JSON, such as `{"file_indexes": [0, 2]}`',
            },
            "priority": {"type": "string", "enum": ["low", "normal", "high"]},
        },
    },
    "example": {
        "torrent": "d4:infod...ee",
        "name": "netinst",
        "selection": '{"file_indexes": [0, 2]}',
        "priority": "high",
    },
}


class Submission:
    """A dependency: what the request submits, without its Idempotency-Key. Its two forms are for /openapi.json."""

    model = SubmitBody
    multipart = _MULTIPART

    async def __call__(self, request: Request) -> pb.SubmitRequest:
        """Raises AppError: 400 with `errors`, 413, 415."""
        match media_type(request):
            case "application/json":
                return await _from_json(request)
            case "multipart/form-data":
                return await _from_multipart(request)
            case _:
                raise unsupported("unsupported_media_type", "A job is application/json or multipart/form-data.")


async def _from_json(request: Request) -> pb.SubmitRequest:
    content = await read(request, parts_of(request).settings.max_json_bytes + MAGNET_ROOM_BYTES)
    body = validated(SubmitBody, strict_json.parse(content))
    if (body.magnet is None) == (body.info_hash is None):
        raise _one_source("magnet", "Name exactly one of magnet and info_hash.")
    priority = priority_of(body.priority)
    message = pb.SubmitRequest(name=body.name or "", selection=_selection(body.selection), priority=priority)
    if body.magnet is not None:
        message.magnet = body.magnet
    else:
        message.info_hash = body.info_hash or ""
    return message


async def _from_multipart(request: Request) -> pb.SubmitRequest:
    parts = await multipart(request, parts_of(request).settings.max_upload_bytes)
    unknown = sorted(parts.keys() - _FIELDS)
    if unknown:
        fields = [FieldError(name, "extra_forbidden", "There is no such part.") for name in unknown]
        raise invalid("invalid_request", "The body has parts that are not known.", fields=fields)
    torrent = parts.get("torrent")
    if not isinstance(torrent, bytes):
        raise _one_source("torrent", "The part torrent, with a filename, is to hold a .torrent file.")
    selection = parts.get("selection")
    chosen = None if selection is None else validated(SelectionBody, strict_json.parse(_utf8(selection)))
    return pb.SubmitRequest(
        torrent=torrent,
        name=_utf8(parts.get("name", "")).decode(),
        selection=_selection(chosen),
        priority=_priority(parts.get("priority")),
    )


def _priority(part: str | bytes | None) -> model.JobPriority.ValueType:
    """One error for whatever is no priority, as in JSON."""
    if part is None:
        return priority_of(None)
    return priority_of(validated(PriorityPart, {"priority": _utf8(part).decode()}).priority)


def _utf8(part: str | bytes) -> bytes:
    if isinstance(part, str):
        return part.encode()
    raise invalid("invalid_request", "name, selection and priority are fields, not files.")


def _selection(body: SelectionBody | None) -> model.Selection | None:
    return None if body is None else model.Selection(file_indexes=body.file_indexes)


def _one_source(field: str, message: str) -> AppError:
    return invalid("invalid_request", message, fields=(FieldError(field, "missing", message),))
