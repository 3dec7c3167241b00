"""A server that behaves as Turnstile's siteverify does: tokens are good once, for one page and one action."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from aiohttp import web

SECRET = "turnstile-secret"


@dataclass
class Siteverify:
    """Running while inside `siteverify`. `fail` > 0: so many of the next questions are answered with 500."""

    url: str = ""
    fail: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)
    _tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    _verdicts: dict[str, dict[str, object]] = field(default_factory=dict)

    def solve(self, action: str, hostname: str = "app.example.org") -> str:
        """The token that a page gets when somebody has solved the check on it."""
        token = f"0.{uuid4().hex}"
        self._tokens[token] = (action, hostname)
        return token

    async def answer(self, request: web.Request) -> web.Response:
        """POST, as a form."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(form)
        if self.fail:
            self.fail -= 1
            return web.Response(status=500, text="oops")
        if form.get("secret") != SECRET:
            return web.json_response({"success": False, "error-codes": ["invalid-input-secret"]})
        key = form.get("idempotency_key", "")
        if key not in self._verdicts:
            self._verdicts[key] = self._verdict(form.get("response", ""))
        return web.json_response(self._verdicts[key])

    def _verdict(self, token: str) -> dict[str, object]:
        if not token:
            return {"success": False, "error-codes": ["missing-input-response"]}
        found = self._tokens.get(token)
        if found is None:
            return {"success": False, "error-codes": ["invalid-input-response"]}
        if found == ("", ""):
            return {"success": False, "error-codes": ["timeout-or-duplicate"]}
        self._tokens[token] = ("", "")
        action, hostname = found
        return {"success": True, "error-codes": [], "hostname": hostname, "action": action}


@asynccontextmanager
async def siteverify() -> AsyncIterator[Siteverify]:
    """Serves on loopback."""
    held = Siteverify()
    app = web.Application()
    app.router.add_post("/siteverify", held.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    held.url = f"http://{host}:{port}/siteverify"
    try:
        yield held
    finally:
        await runner.cleanup()
