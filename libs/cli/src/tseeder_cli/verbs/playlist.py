"""A job's films and music for a player."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tseeder_cli.picking import pick_job
from tseeder_cli.screen import say
from tseeder_cli.verbs.connect import connect


async def playlist(url: str, text: str, *, folder: str, output: str) -> None:
    """Print it, or write it to the file `output`."""
    async with connect(url) as client:
        job = await pick_job(client, text)
        made = await client.playlist(job["job_id"], folder)
    if not output:
        sys.stdout.write(made)
        return
    await asyncio.to_thread(Path(output).write_text, made, encoding="utf-8")
    say(f"{output}: good for a day, and for whoever has it")
