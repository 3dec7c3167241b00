"""The settings that the launcher composes are those that the services want: no more, no fewer, and right ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.generators.settings import settings_class
from tseeder_kit.settings import load
from tseeder_stack.environment import Parts, of_service, port_names
from tseeder_stack.options import SERVICES, kind_of
from tseeder_stack.s3 import S3Keys, S3Server
from tseeder_stack.secrets import Secrets

NAMES = (*SERVICES, "agent-1")


def parts_of(folder: Path) -> Parts:
    """What a launcher with its state in `folder` composes settings of."""
    keys = S3Keys("access", "secret-secret")
    return Parts(
        state=folder,
        secrets=Secrets(folder / "secrets"),
        database_urls=dict.fromkeys(SERVICES, "postgresql://user:password@127.0.0.1:5432/tseeder"),
        nats_url="nats://tseeder:sesame@127.0.0.1:4222",
        s3=S3Server("http://127.0.0.1:9000", "us-east-1", "tseeder", keys, keys, "rclone"),
        ports=dict.fromkeys(port_names(NAMES), 20_000),
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_service_accepts_what_the_launcher_gives_it(name: str, tmp_path: Path) -> None:
    settings = load(settings_class(kind_of(name)), kind_of(name), of_service(name, parts_of(tmp_path)))
    assert settings.ops_port == 20_000  # and unknown ones would have been refused
