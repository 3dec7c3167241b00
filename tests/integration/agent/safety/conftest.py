"""Two namespaces with everything that can be contacted, for each test."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.agent.safety.namespaces import Namespace, two_namespaces
from tests.integration.agent.safety.places import PUBLIC
from tests.integration.agent.safety.running import HERE, Asked, started


@dataclass(frozen=True)
class Internet:
    """The agent's namespace, the rest of the world, and what watches: the world's end of the link, and the agent's
    loopback."""

    inside: Namespace
    world: Namespace
    watching: tuple[Asked, Asked]
    folder: Path

    @property
    def trusting(self) -> dict[str, str]:
        """The environment in which the world's certificate is right."""
        return {"SSL_CERT_FILE": str(self.folder / "cert.pem")}


@pytest.fixture
async def internet(tmp_path: Path) -> AsyncIterator[Internet]:
    """A world of the test's own."""
    _certificate(tmp_path)
    async with AsyncExitStack() as stack:
        inside, world = stack.enter_context(two_namespaces(tmp_path))
        far = await stack.enter_async_context(started(world, f"{HERE}.world", "wire0", str(tmp_path)))
        near = await stack.enter_async_context(started(inside, f"{HERE}.world", "lo", str(tmp_path)))
        yield Internet(inside, world, (far, near), tmp_path)


def _certificate(folder: Path) -> None:
    """Of the public tracker, so that what it answers over TLS is believed."""
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    argv += ["-days", "2", "-subj", "/CN=tracker", "-addext", f"subjectAltName=IP:{PUBLIC}"]
    argv += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(argv, check=True, capture_output=True)
