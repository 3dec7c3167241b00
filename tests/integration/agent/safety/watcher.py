"""Watches one more device, without servers: `python -m tests.integration.agent.safety.watcher DEVICE`."""

from __future__ import annotations

import asyncio
import sys

from tests.integration.agent.safety.sniffer import Sniffer
from tests.integration.agent.safety.world import stdin, tell
from tseeder_testkit.children import die_with_parent


async def main(device: str) -> None:
    """Tell what was seen until stdin ends."""
    sniffer = Sniffer(device)
    sniffer.start()
    await tell(sniffer, await stdin())


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(main(sys.argv[1]))
