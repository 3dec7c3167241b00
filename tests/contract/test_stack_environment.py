"""The settings that the launcher composes are those that the services want: no more, no fewer, and right ones."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from tseeder_kit.settings import Settings, load
from tseeder_stack.environment import Parts, of_service, port_names
from tseeder_stack.options import SERVICES, kind_of
from tseeder_stack.s3 import S3Keys, S3Server
from tseeder_stack.secrets import Secrets

NAMES = (*SERVICES, "agent-1")


def settings_class(service: str) -> type[Settings]:
    module = importlib.import_module(f"tseeder_{service}.settings")
    (found,) = [
        value
        for _, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, Settings) and value.__module__ == module.__name__
    ]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_service_accepts_what_the_launcher_gives_it(name: str, tmp_path: Path) -> None:
    keys = S3Keys("access", "secret-secret")
    parts = Parts(
        state=tmp_path,
        secrets=Secrets(tmp_path / "secrets"),
        database_urls=dict.fromkeys(SERVICES, "postgresql://user:password@127.0.0.1:5432/tseeder"),
        nats_url="nats://127.0.0.1:4222",
        s3=S3Server("http://127.0.0.1:9000", "us-east-1", "tseeder", keys, keys, "rclone"),
        ports=dict.fromkeys(port_names(NAMES), 20_000),
    )
    settings = load(settings_class(kind_of(name)), kind_of(name), of_service(name, parts))  # refuses unknown ones
    assert settings.ops_port == 20_000
