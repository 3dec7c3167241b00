"""A body that is all in memory already, and counted there: whoever takes none of it does not keep it there for long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tseeder_gateway.api.server import ClientGoneError, drop, is_gone, on_gone

STEP: Final = 64 * 1024


class HeldBody(Response):
    """Sends it in steps. A client that does not take one in `stalled_seconds` is dropped."""

    def __init__(self, content: bytes, *, headers: Mapping[str, str], media_type: str, stalled_seconds: float) -> None:
        super().__init__(content, headers=headers, media_type=media_type)
        self._stalled_seconds = stalled_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(None) as while_there:
                with on_gone(scope, lambda: while_there.reschedule(0)):
                    for message in self._messages():
                        async with asyncio.timeout(self._stalled_seconds):
                            await send(message)
        except TimeoutError:
            if is_gone(scope):
                raise ClientGoneError("client_left") from None
            await drop(scope)
            raise ClientGoneError("reader_stalled") from None

    def _messages(self) -> Iterator[dict[str, Any]]:
        yield {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        for first in range(0, len(self.body), STEP):
            yield {"type": "http.response.body", "body": bytes(self.body[first : first + STEP]), "more_body": True}
        yield {"type": "http.response.body", "body": b"", "more_body": False}
