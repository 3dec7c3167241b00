"""Reading request bodies: bounded in bytes and in time, strict in form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from tseeder_gateway.api.access import CALLER, media_type
from tseeder_gateway.api.context import AT_END
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problems import validation_error
from tseeder_gateway.api.server import ClientGoneError, close_after_answer
from tseeder_gateway.domain import strict_json
from tseeder_gateway.domain.memory_budget import Held
from tseeder_kit.errors import AppError, FieldError, invalid, too_large, unsupported

M = TypeVar("M", bound=BaseModel)

DRAIN_BYTES: Final = 32 * 1024 * 1024
DRAIN_SECONDS: Final = 5.0
MAX_FIELDS: Final = 8
FREE_BYTES: Final = 64 * 1024
"""Smaller bodies are not counted: the rate of requests bounds what they take."""


class JsonBody(Generic[M]):
    """A dependency: the request's JSON body as a `model`."""

    def __init__(self, model: type[M]) -> None:
        self.model = model

    async def __call__(self, request: Request) -> M:
        """Raises AppError: 400 with `errors`, 413, 415."""
        if media_type(request) != "application/json":
            raise unsupported("unsupported_media_type", "The body is to be application/json.")
        return validated(self.model, strict_json.parse(await read(request, parts_of(request).settings.max_json_bytes)))


def validated(model: type[M], value: object) -> M:
    """`value` as a `model`. Raises AppError INVALID `invalid_request`, with `errors`."""
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        raise validation_error(exc) from None


async def read(request: Request, limit: int) -> bytes:
    """The body, of at most `limit` bytes. Raises AppError `body_too_large`, `body_timeout`."""
    return b"".join([chunk async for chunk in limited(request, limit)])


async def limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body in chunks, as `read`. The length that the client names is refused where it is too large, and counted as
    held from the start, so that an upload that will not fit is told so before it is sent."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise unsupported("unsupported_content_encoding", "Bodies are taken without a Content-Encoding.")
    named = request.headers.get("content-length", "")
    if named.isdigit() and int(named[:20]) > limit:
        await _refuse(request)
        raise _too_large(limit)
    deadline = asyncio.get_running_loop().time() + parts_of(request).settings.body_seconds
    held = _held(request)
    await _hold(request, held, int(named) if named.isdigit() else 0)
    received = 0
    more = True
    while more:
        chunk, more = await _receive(request, deadline)
        received += len(chunk)
        if received > limit:
            if more:
                await _refuse(request)
            raise _too_large(limit)
        await _hold(request, held, received, more=more)
        yield chunk


def _held(request: Request) -> Held:
    """What this request holds until it is answered: a body is copied on, into the call that it is for."""
    state = request.scope["state"]
    held = parts_of(request).memory.hold(str(state[CALLER]))
    state.setdefault(AT_END, []).append(held.release)
    return held


async def _hold(request: Request, held: Held, size: int, *, more: bool = True) -> None:
    if size <= FREE_BYTES:
        return
    try:
        held.reach(size)
    except AppError:
        if more:
            await _refuse(request)
        raise


async def _receive(request: Request, deadline: float) -> tuple[bytes, bool]:
    """The next bytes, and whether more will come."""
    try:
        async with asyncio.timeout_at(deadline):
            message: Any = await request.receive()
    except TimeoutError:
        close_after_answer(request.scope)
        raise invalid("body_timeout", "The body did not come in time.") from None
    if message["type"] == "http.disconnect":
        raise ClientGoneError("client_left")
    return message.get("body", b""), message.get("more_body", False)


async def multipart(request: Request, limit: int) -> dict[str, str | bytes]:
    """The parts of a multipart/form-data body by name: text for fields, bytes for files; of `limit` bytes in all.

    Raises AppError: INVALID `multipart_invalid`, `multipart_duplicate_field`; and as `read`.
    """
    parser = _InMemory(request, limit)
    try:
        form = await parser.parse()
    except MultiPartException as exc:
        raise _not_multipart(exc.message) from None
    except UnicodeError:
        raise _not_multipart("A text is not in the charset that the body names.") from None
    try:
        return await _by_name(form)
    finally:
        await form.close()


async def _by_name(form: FormData) -> dict[str, str | bytes]:
    found: dict[str, str | bytes] = {}
    for name, value in form.multi_items():
        if name in found:
            raise invalid(
                "multipart_duplicate_field",
                "A part comes more than once.",
                fields=(FieldError(name, "duplicate", "This part comes more than once."),),
            )
        strict_json.check_text(name)
        found[name] = await _content(value)
    return found


class _InMemory(MultiPartParser):
    """Never a file on disk: the limit on the body is what bounds memory. A body without its last boundary is refused;
    by itself the parser would leave the part before it out without a word."""

    def __init__(self, request: Request, limit: int) -> None:
        super().__init__(request.headers, self._whole(limited(request, limit)), max_files=1, max_fields=MAX_FIELDS)
        self.spool_max_size = limit
        self._ended = False

    def on_end(self) -> None:
        """The last boundary was there."""
        self._ended = True

    async def _whole(self, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for chunk in chunks:
            yield chunk
        if not self._ended:
            raise MultiPartException("Its last boundary is missing.")


def _not_multipart(why: str) -> AppError:
    return invalid("multipart_invalid", f"The body is not multipart/form-data: {why}")


async def _content(value: UploadFile | str) -> str | bytes:
    if isinstance(value, str):
        strict_json.check_text(value)
        return value
    return await value.read()


async def _refuse(request: Request) -> None:
    """Reads on for a while, since a client that is still sending would see a reset instead of the answer."""
    if request.headers.get("expect", "").lower() != "100-continue":
        deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
        drained = 0
        while drained < DRAIN_BYTES:
            try:
                async with asyncio.timeout_at(deadline):
                    message: Any = await request.receive()
            except TimeoutError:
                break
            drained += len(message.get("body", b""))
            if not message.get("more_body", False):
                return
    close_after_answer(request.scope)


def _too_large(limit: int) -> AppError:
    return too_large("body_too_large", "The request's body is too large.", max_bytes=limit)
