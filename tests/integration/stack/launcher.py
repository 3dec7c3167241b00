"""A launcher as a process of its own, for tests that kill it: Postgres, NATS and S3 on a state folder.

`python launcher.py STATE S3_KIND`; prints "ready" when everything is.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tseeder_stack import backing
from tseeder_stack.errors import StackError
from tseeder_stack.options import StackOptions
from tseeder_stack.site import Site


async def main(state: Path, kind: str) -> None:
    async with Site(StackOptions(state=state, safe=False)) as site:
        server = backing.plan_s3(site, "radosgw" if kind == "radosgw" else "rclone")
        await asyncio.gather(backing.start_postgres(site), backing.start_nats(site), backing.start_s3(site, server))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
    except StackError as error:
        sys.exit(str(error))
