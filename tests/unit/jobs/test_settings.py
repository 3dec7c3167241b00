"""Wrong settings of jobs stop it with one line."""

from __future__ import annotations

import pytest

from tseeder_jobs.settings import Settings
from tseeder_kit.settings import SettingsError, load

GOOD = {
    "TSEEDER_JOBS_DATABASE_URL": "postgresql://jobs:pw@127.0.0.1/x",
    "TSEEDER_IDENTITY_PUBLIC_KEYS": "/keys.pem",
    "TSEEDER_JOBS_BILLING_TARGET": "127.0.0.1:1",
    "TSEEDER_JOBS_AGENT_JOIN_SECRET": "0123456789abcdef",
    "TSEEDER_S3_ENDPOINT": "http://127.0.0.1:9000",
    "TSEEDER_S3_BUCKET": "tseeder",
    "TSEEDER_S3_ACCESS_KEY": "access",
    "TSEEDER_S3_SECRET_KEY": "very-secret",
    "TSEEDER_JOBS_CRYPTO_KEYS": "/keys.json",
}


def test_the_defaults_are_those_of_the_design() -> None:
    settings = load(Settings, "jobs", GOOD)
    timers = (settings.heartbeat_seconds, settings.self_stop_seconds, settings.lease_seconds, settings.sweep_seconds)
    assert timers == (10, 40, 60, 10)
    assert settings.dedupe == "global"
    assert not settings.admit_private_hosts
    assert not settings.crypto_generate
    assert "very-secret" not in repr(settings)


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("missing", GOOD)
def test_a_missing_setting_is_named(missing: str) -> None:
    with pytest.raises(SettingsError, match=missing.removeprefix("TSEEDER_").removeprefix("JOBS_")):
        load(Settings, "jobs", {name: value for name, value in GOOD.items() if name != missing})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEASE_SECONDS", "40"),
        ("SELF_STOP_SECONDS", "9"),
        ("DEDUPE", "everybody"),
        ("AGENT_JOIN_SECRET", "short"),
        ("S3_ENDPOINT", "127.0.0.1:9000"),
        ("PART_SIZE_BYTES", "1000"),
        ("IDEMPOTENCY_HOURS", "1"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        load(Settings, "jobs", {**GOOD, f"TSEEDER_JOBS_{name}": value})
    assert "\n" not in str(caught.value)
    assert name in {"SELF_STOP_SECONDS", "LEASE_SECONDS"} or f" {value}" not in str(caught.value)
