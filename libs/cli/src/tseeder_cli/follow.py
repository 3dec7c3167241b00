"""A job's events over as many connections as it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from tseeder_cli.client import Client, Event
from tseeder_cli.errors import CliError, ExitCode

FIRST_DELAY_SECONDS = 0.25
LONGEST_DELAY_SECONDS = 5.0
PATIENCE_SECONDS = 90.0


async def follow(
    client: Client, job_id: str, *, patience_seconds: float = PATIENCE_SECONDS, first_delay: float = FIRST_DELAY_SECONDS
) -> AsyncGenerator[Event, None]:
    """The job's events up to and with `end`. A broken stream is taken up again after the last event that was seen.

    CliError when tseeder has been away for `patience_seconds`, or says something that waiting does not mend.
    """
    last_id = ""
    heard_at = time.monotonic()
    delay = first_delay
    while True:
        try:
            async with aclosing(client.events(job_id, last_id)) as events:
                async for event in events:
                    heard_at, delay = time.monotonic(), first_delay
                    last_id = event.id or last_id
                    yield event
                    if event.kind == "end":
                        return
        except CliError as error:
            if error.exit_code != ExitCode.UNAVAILABLE or time.monotonic() - heard_at > patience_seconds:
                raise
        await asyncio.sleep(delay)
        delay = min(delay * 2, LONGEST_DELAY_SECONDS)
