"""Two namespaces with everything that can be contacted."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
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
    trusting: dict[str, str]
    """The environment in which the world's certificate is right."""


@pytest.fixture(scope="module")
async def one_internet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Internet]:
    """One world for a file of tests."""
    folder = tmp_path_factory.mktemp("internet")
    _certificate(folder)
    async with AsyncExitStack() as stack:
        inside, world = stack.enter_context(two_namespaces(folder))
        far = await stack.enter_async_context(started(world, f"{HERE}.world", "wire0", str(folder)))
        near = await stack.enter_async_context(started(inside, f"{HERE}.world", "lo", str(folder)))
        yield Internet(inside, world, (far, near), folder, {"SSL_CERT_FILE": str(folder / "cert.pem")})


@pytest.fixture
async def internet(one_internet: Internet, tmp_path: Path) -> Internet:
    """The file's world, in which nobody was contacted yet."""
    for watcher in one_internet.watching:
        await watcher.ask("forget")
    return replace(one_internet, folder=tmp_path)


def _certificate(folder: Path) -> None:
    """Of the public tracker, so that what it answers over TLS is believed."""
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    argv += ["-days", "2", "-subj", "/CN=tracker", "-addext", f"subjectAltName=IP:{PUBLIC}"]
    argv += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(argv, check=True, capture_output=True)
