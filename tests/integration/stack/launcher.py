"""A launcher as a process of its own, for tests that kill it.

`python launcher.py STATE servers` runs Postgres, NATS and rclone; `radosgw` RadosGW alone; `services` the whole stack.
It prints "ready" when everything is.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tseeder_stack import backing
from tseeder_stack.errors import StackError
from tseeder_stack.options import StackOptions
from tseeder_stack.site import Site
from tseeder_stack.stack import Stack


async def servers(state: Path) -> None:
    async with Site(StackOptions(state=state, safe=False)) as site:
        server = backing.plan_s3(site, "rclone")
        await asyncio.gather(backing.start_postgres(site), backing.start_nats(site), backing.start_s3(site, server))
        await wait()


async def radosgw(state: Path) -> None:
    async with Site(StackOptions(state=state)) as site:
        await backing.start_s3(site, backing.plan_s3(site, "radosgw"))
        await wait()


async def services(state: Path) -> None:
    async with Stack(StackOptions(state=state, s3="rclone", safe=False)):
        await wait()


async def wait() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


WHAT = {"servers": servers, "radosgw": radosgw, "services": services}

if __name__ == "__main__":
    try:
        asyncio.run(WHAT[sys.argv[2]](Path(sys.argv[1])))
    except StackError as error:
        sys.exit(str(error))
