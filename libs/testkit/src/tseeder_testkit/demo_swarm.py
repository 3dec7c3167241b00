"""The demo's own swarm: `python -m tseeder_testkit.demo_swarm --dir DIR`.

Makes the sample if it is missing, runs a tracker and a seeder on loopback, writes a .torrent that names the tracker,
prints {"torrent", "magnet", "tracker", "files": [{"path", "size", "sha256"}]} as one JSON line when ready, and seeds
until it is stopped or its parent dies.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from tseeder_testkit.children import die_with_parent
from tseeder_testkit.sample import ensure_sample
from tseeder_testkit.swarm import swarming


async def run(directory: Path, mib: int, rate: int, seed: int = 1) -> None:
    """Seed until SIGTERM or SIGINT. `rate` limits the seeder, in bytes a second; 0 is none."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    sample = await asyncio.to_thread(ensure_sample, directory, mib, seed)
    async with swarming(sample, rate=rate) as swarm:
        torrent = directory / "demo.torrent"
        torrent.write_bytes(sample.torrent_bytes(trackers=[swarm.url]))
        said = {
            "torrent": str(torrent.absolute()),
            "magnet": sample.magnet(trackers=[swarm.url]),
            "tracker": swarm.url,
            "files": [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in sample.files],
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        await stopped.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="tseeder_testkit.demo_swarm")
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--mib", type=int, default=100)
    parser.add_argument("--rate", type=int, default=0, help="upload limit in bytes a second; 0 is none")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another content, and so another torrent")
    args = parser.parse_args()
    die_with_parent(signal.SIGTERM)
    asyncio.run(run(args.dir, args.mib, args.rate, args.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
