"""Settings of every service: a missing or wrong one stops the start with one line that says which, never its value."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from scripts.generators.settings import SERVICES, kind, settings_class
from tests.contract.test_stack_environment import parts_of
from tseeder_kit.settings import SettingsError, load
from tseeder_stack.environment import of_service
from tseeder_stack.options import SERVICES as LAUNCHED

WRONG = "hunter2"  # for everything that is no free text


def right(service: str, folder: Path) -> dict[str, str]:
    """An environment that a service starts with: what the launcher gives it."""
    name = "agent-1" if service == "agent" else service
    return {key: value for key, value in of_service(name, parts_of(folder)).items() if key.startswith("TSEEDER_")}


def variable(service: str, field: str) -> str:
    return f"TSEEDER_{service.upper()}_{field.upper()}"


def complaint(service: str, env: Mapping[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        load(settings_class(service), service, env)
    text = str(caught.value)
    assert "\n" not in text
    for secret in secrets_of(service, env):
        assert secret not in text
    return text


def fields_of(service: str) -> Mapping[str, FieldInfo]:
    return settings_class(service).model_fields


def secrets_of(service: str, env: Mapping[str, str]) -> list[str]:
    named = [variable(service, name) for name, field in fields_of(service).items() if field.annotation is SecretStr]
    return [env[name] for name in named if name in env]


def required() -> list[tuple[str, str]]:
    return [
        (service, name) for service in SERVICES for name, field in fields_of(service).items() if field.is_required()
    ]


def refusable() -> list[tuple[str, str]]:
    """Every setting that takes no free text; URLs and targets are text, and are checked all the same."""
    found = []
    for service in SERVICES:
        cls = settings_class(service)
        properties: dict[str, Any] = cls.model_json_schema()["properties"]
        for name in cls.model_fields:
            checked = name.endswith(("_target", "database_url", "nats_url", "_endpoint"))
            if checked or kind(properties[name]) not in ("text", "path", "list"):
                found.append((service, name))
    return found


def test_every_service_is_looked_at() -> None:
    assert set(SERVICES) == {*LAUNCHED, "agent"}
    assert {service for service, _ in required()} == set(SERVICES)
    assert len(refusable()) > 100


@pytest.mark.parametrize(("service", "name"), required())
def test_a_missing_one_is_named_with_what_is_wanted(service: str, name: str, tmp_path: Path) -> None:
    env = right(service, tmp_path)
    del env[variable(service, name)]
    text = complaint(service, env)
    wanted = fields_of(service)[name].description
    assert text.startswith(f"{variable(service, name)} ")
    assert text.endswith(f"is missing ({wanted})")


@pytest.mark.parametrize(("service", "name"), refusable())
def test_a_wrong_one_is_named_with_what_is_wanted(service: str, name: str, tmp_path: Path) -> None:
    text = complaint(service, {**right(service, tmp_path), variable(service, name): WRONG})
    assert text.startswith(f"{variable(service, name)}: ")
    assert "should be" in text or "should match" in text
    assert str(fields_of(service)[name].description) in text
    assert WRONG not in text


@pytest.mark.parametrize("service", SERVICES)
def test_they_are_frozen_described_and_shown_without_secrets(service: str, tmp_path: Path) -> None:
    env = right(service, tmp_path)
    settings = load(settings_class(service), service, env)
    with pytest.raises(ValidationError):
        settings.host = "x"
    assert [name for name, field in type(settings).model_fields.items() if not field.description] == []
    assert [secret for secret in secrets_of(service, env) if secret in f"{settings!r}{settings}"] == []


def test_what_depends_on_another_one(tmp_path: Path) -> None:
    env = {**right("admin", tmp_path), "TSEEDER_ADMIN_EFFECT_SECONDS": "61"}
    assert complaint("admin", env).startswith("TSEEDER_ADMIN_SETTLE_SECONDS: should be above EFFECT_SECONDS")


@pytest.mark.parametrize(
    ("service", "name"),
    [
        *((service, "identity_public_keys") for service in ("admin", "auth", "billing", "jobs")),
        ("auth", "identity_private_key"),
        ("agent", "scratch_dir"),
    ],
)
async def test_a_path_that_cannot_be_used_is_named_at_the_start(service: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    env = {**right(service, tmp_path), variable(service, name): str(file / "below")}
    settings = load(settings_class(service), service, env)
    with pytest.raises(SettingsError, match=rf"^{name.upper()}\b.*Not a directory") as caught:
        async with importlib.import_module(f"tseeder_{service}.main").build(settings):
            raise AssertionError("it started")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("service", SERVICES)
def test_a_process_says_it_in_one_line_and_exits_78(service: str, tmp_path: Path) -> None:
    env = right(service, tmp_path)
    missing = next(name for each, name in required() if each == service)
    del env[variable(service, missing)]
    wrong = {variable(service, name): WRONG for name in ("ops_port", "nats_url") if name in fields_of(service)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TSEEDER_")}
    command = [sys.executable, "-m", f"tseeder_{service}"]
    done = subprocess.run(
        command, env={**kept, **env, **wrong}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (78, ""), done.stderr
    assert done.stderr.startswith(f"tseeder-{service}: ")
    assert done.stderr.count("\n") == 1
    for name in (variable(service, missing), *wrong):
        assert name in done.stderr
    assert [secret for secret in (WRONG, *secrets_of(service, env)) if secret in done.stderr] == []
