"""Whether the process lives, and whether what it needs is there."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.schemas.wire import View
from tseeder_kit.errors import AppError
from tseeder_kit.telemetry import CHECK_SECONDS, Check

router = APIRouter(tags=["health"])


class LiveView(View):
    """The process answers."""

    live: bool = True


class ReadyView(View):
    """What of the gateway's needs is missing, by name, with a code."""

    ready: bool
    failing: dict[str, str]


@router.get("/healthz")
async def healthz() -> LiveView:
    """Depends on nothing."""
    return LiveView()


@router.get("/readyz", responses={503: {"model": ReadyView}})
async def readyz(request: Request, response: Response) -> ReadyView:
    """Depends on auth and jobs, and on the gateway not being about to stop."""
    checks = parts_of(request).checks
    outcomes = await asyncio.gather(*(_failure(check) for check in checks.values()))
    failing = {name: code for name, code in zip(checks, outcomes, strict=True) if code}
    response.status_code = 503 if failing else 200
    return ReadyView(ready=not failing, failing=failing)


async def _failure(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except AppError as exc:
        return exc.code
    except TimeoutError:
        return "timeout"
    return ""
