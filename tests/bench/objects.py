"""What lies in the S3 server, as rclone sees it: a witness that shares no code with tseeder."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Final

from tests.bench.results import BenchError
from tseeder_stack.s3 import S3Server, signed

PEERS_BUCKET: Final = "bench-peers"  # not tseeder's own, where jobs removes what no row owns
RCLONE: Final = str(Path(sys.executable).parent / "rclone")
SECONDS: Final = 120


def rclone_environment(s3: S3Server) -> dict[str, str]:
    """What makes `:s3:` mean this server, with what makes rclone quick: 8 parts of 16 MiB at once, no MD5 before."""
    return {
        "RCLONE_CONFIG": "",
        "RCLONE_S3_PROVIDER": "Ceph",
        "RCLONE_S3_ENDPOINT": s3.endpoint,
        "RCLONE_S3_REGION": s3.region,
        "RCLONE_S3_ACCESS_KEY_ID": s3.jobs.access,
        "RCLONE_S3_SECRET_ACCESS_KEY": s3.jobs.secret,
        "RCLONE_S3_UPLOAD_CONCURRENCY": "8",
        "RCLONE_S3_CHUNK_SIZE": "16Mi",
        "RCLONE_S3_DISABLE_CHECKSUM": "true",
        "RCLONE_S3_NO_CHECK_BUCKET": "true",
    }


@dataclass(frozen=True)
class Bucket:
    """One bucket of the server."""

    s3: S3Server
    name: str

    def make(self) -> None:
        """Make it. Blocking."""
        status, answer = signed(replace(self.s3, bucket=self.name), "PUT", f"/{self.name}")
        if status != HTTPStatus.OK:
            raise BenchError(f"the S3 server refuses bucket {self.name} ({status}): {answer.decode()[:200]}")

    async def keys(self) -> set[str]:
        """The keys of all objects."""
        listed = await self._rclone("lsf", "--recursive", "--files-only", f":s3:{self.name}")
        return set(listed.splitlines())

    async def check(self, key: str, sha256: str) -> None:
        """Read an object whole; BenchError unless its SHA-256 is this."""
        said = await self._rclone("hashsum", "SHA-256", "--download", f":s3:{self.name}/{key}")
        if said.split()[:1] != [sha256]:
            raise BenchError(f"object {self.name}/{key} is not the torrent's file: {said.strip()}, wanted {sha256}")

    async def sums(self, keys: set[str]) -> dict[str, str]:
        """The SHA-256 of each of these objects, read whole."""
        with tempfile.NamedTemporaryFile("w", suffix=".keys") as listed:
            listed.write("\n".join(sorted(keys)))
            listed.flush()
            words = ("--download", "--files-from-raw", listed.name, "--checkers", "4", f":s3:{self.name}")
            said = await self._rclone("hashsum", "SHA-256", *words)
        return {key: sha256 for sha256, _, key in (line.partition("  ") for line in said.splitlines())}

    async def _rclone(self, *words: str) -> str:
        return await asyncio.to_thread(_output, [RCLONE, *words], rclone_environment(self.s3))


def _output(argv: list[str], env: Mapping[str, str]) -> str:
    result = subprocess.run(argv, env=dict(env), capture_output=True, text=True, timeout=SECONDS, check=False)
    if result.returncode != 0:
        raise BenchError(f"rclone {argv[1]} failed: {result.stderr.strip()[-400:]}")
    return result.stdout
