"""Settings: where they come from, and one line without a value when they are wrong."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError, field_validator

from tseeder_kit.settings import Field, SecretStr, Settings, SettingsError, load


class JobsSettings(Settings):
    database_url: SecretStr = Field(description="a postgres:// URL")
    nats_url: str = "nats://127.0.0.1:4222"
    lease_seconds: int = Field(default=60, ge=1, description="how long a lease lasts")
    readers: tuple[str, ...] = ("billing",)
    limits: dict[str, int] = Field(default_factory=dict)
    bucket: str | None = None
    key_file: Path | None = None

    @field_validator("bucket")
    @classmethod
    def _no_dots(cls, value: str | None) -> str | None:
        if value is not None and "." in value:
            raise ValueError(f"{value} has a dot")
        return value


NEEDED = {"TSEEDER_JOBS_DATABASE_URL": "postgres://u:hunter2@h/d"}


def loaded(env: Mapping[str, str]) -> JobsSettings:
    return load(JobsSettings, "jobs", {**NEEDED, **env})


def complaint(env: Mapping[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        load(JobsSettings, "jobs", env)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_values_are_parsed_and_defaults_stand() -> None:
    settings = loaded({"TSEEDER_JOBS_LEASE_SECONDS": "90", "TSEEDER_JOBS_LOG_LEVEL": "debug"})
    assert settings.lease_seconds == 90
    assert settings.log_level == "debug"
    assert settings.database_url.get_secret_value() == NEEDED["TSEEDER_JOBS_DATABASE_URL"]
    assert (settings.host, settings.ops_port, settings.bucket) == ("127.0.0.1", 0, None)


def test_the_services_own_variable_comes_before_the_shared_one() -> None:
    assert loaded({"TSEEDER_NATS_URL": "nats://shared"}).nats_url == "nats://shared"
    both = {"TSEEDER_NATS_URL": "nats://shared", "TSEEDER_JOBS_NATS_URL": "nats://own"}
    assert loaded(both).nats_url == "nats://own"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert loaded({"TSEEDER_JOBS_LEASE_SECONDS": ""}).lease_seconds == 60
    assert "TSEEDER_JOBS_DATABASE_URL" in complaint({"TSEEDER_JOBS_DATABASE_URL": ""})


@pytest.mark.parametrize("name", ["TSEEDER_JOBS_DATABASE_URL_FILE", "TSEEDER_DATABASE_URL_FILE"])
def test_every_value_may_come_from_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("postgres://from-a-file\n")
    settings = load(JobsSettings, "jobs", {name: str(tmp_path / "secret")})
    assert settings.database_url.get_secret_value() == "postgres://from-a-file"


def test_a_field_that_is_called_file_keeps_its_variable() -> None:
    assert loaded({"TSEEDER_JOBS_KEY_FILE": "/run/key"}).key_file == Path("/run/key")


def test_a_file_that_is_not_there_is_named_by_its_variable_only(tmp_path: Path) -> None:
    text = complaint({"TSEEDER_JOBS_DATABASE_URL_FILE": str(tmp_path / "hunter2")})
    assert text == "TSEEDER_JOBS_DATABASE_URL_FILE names a file that cannot be read: No such file or directory"


def test_a_value_and_its_file_together_are_refused(tmp_path: Path) -> None:
    text = complaint({**NEEDED, "TSEEDER_JOBS_DATABASE_URL_FILE": str(tmp_path)})
    assert text == "TSEEDER_JOBS_DATABASE_URL and TSEEDER_JOBS_DATABASE_URL_FILE are both set: set one"


def test_a_missing_one_is_named_with_what_is_wanted() -> None:
    assert complaint({}) == "TSEEDER_JOBS_DATABASE_URL (or TSEEDER_DATABASE_URL) is missing (a postgres:// URL)"


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("TSEEDER_JOBS_LEASE_SECONDS", "soonish", "should be a valid integer.* \\(how long a lease lasts\\)"),
        ("TSEEDER_LEASE_SECONDS", "-77", "greater than or equal to 1"),
        ("TSEEDER_JOBS_LOG_LEVEL", "loudly", "'debug', 'info', 'warning' or 'error'"),
        ("TSEEDER_JOBS_OPS_PORT", "70001", "less than or equal to 65535"),
        ("TSEEDER_JOBS_LIMITS", "hunter2", "should be a JSON object"),
        ("TSEEDER_JOBS_READERS", "[hunter2", "should be a list"),
        ("TSEEDER_JOBS_BUCKET", "hunter2.x", "is not acceptable"),
    ],
)
def test_a_wrong_one_is_named_and_its_value_is_not(name: str, value: str, wanted: str) -> None:
    text = complaint({**NEEDED, name: value})
    assert text.startswith(f"{name}: ")
    assert re.search(wanted, text)
    assert value not in text
    assert "hunter2" not in text


def test_all_wrong_ones_are_named_at_once() -> None:
    text = complaint({"TSEEDER_JOBS_LEASE_SECONDS": "x"})
    assert "TSEEDER_JOBS_DATABASE_URL" in text
    assert "TSEEDER_JOBS_LEASE_SECONDS" in text


def test_a_misspelt_one_stops_the_start() -> None:
    text = complaint({**NEEDED, "TSEEDER_JOBS_LEASE_SECOND": "hunter2"})
    assert text == "TSEEDER_JOBS_LEASE_SECOND: no such setting (misspelt?)"


def test_other_services_variables_and_the_links_of_kubernetes_are_left_alone() -> None:
    loaded(
        {
            "TSEEDER_AGENT_LEASE_SECOND": "1",
            "TSEEDER_WHATEVER": "1",
            "TSEEDER_JOBS_SERVICE_HOST": "10.0.0.1",
            "TSEEDER_JOBS_SERVICE_PORT_RPC": "1",
            "TSEEDER_JOBS_PORT": "tcp://10.0.0.1:1",
            "TSEEDER_JOBS_PORT_50051_TCP_ADDR": "10.0.0.1",
        }
    )


@pytest.mark.parametrize("text", ["billing,admin", "billing , admin,", '["billing", "admin"]'])
def test_lists_are_comma_separated_or_json(text: str) -> None:
    assert loaded({"TSEEDER_JOBS_READERS": text}).readers == ("billing", "admin")


def test_mappings_are_json() -> None:
    assert loaded({"TSEEDER_JOBS_LIMITS": '{"free": 2}'}).limits == {"free": 2}


def test_a_service_with_a_hyphen_has_variables_with_an_underscore() -> None:
    assert load(Settings, "data-mover", {"TSEEDER_DATA_MOVER_HOST": "0.0.0.0"}).host == "0.0.0.0"


def test_made_directly_they_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEEDER_HOST", "1.2.3.4")
    monkeypatch.setenv("HOST", "1.2.3.4")
    assert Settings().host == "127.0.0.1"


def test_they_are_frozen_and_hide_secrets() -> None:
    settings = loaded({})
    with pytest.raises(ValidationError):
        settings.host = "x"
    assert "hunter2" not in repr(settings)
