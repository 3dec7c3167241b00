"""Providers of sign-ins in the settings: whole, safe, and never shown with their secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tseeder_auth.settings import Settings
from tseeder_kit.settings import SettingsError, load

SECRET = "hunter2 and more"
GOOD = {
    "name": "example",
    "title": "Example",
    "issuer": "https://accounts.example",
    "client_id": "tseeder",
    "client_secret": SECRET,
}


def environment(providers: Any) -> dict[str, str]:
    return {
        "TSEEDER_AUTH_DATABASE_URL": "postgresql://u@localhost/d",
        "TSEEDER_AUTH_IDENTITY_PUBLIC_KEYS": "a",
        "TSEEDER_AUTH_IDENTITY_PRIVATE_KEY": "b",
        "TSEEDER_AUTH_CRYPTO_KEYS": "c",
        "TSEEDER_AUTH_OIDC_PROVIDERS": json.dumps(providers),
    }


def test_they_come_from_json_or_from_a_file_of_it(tmp_path: Path) -> None:
    env = environment([GOOD])
    (provider,) = load(Settings, "auth", env).oidc_providers
    assert provider.scopes == ("openid", "email")
    assert provider.client_secret.get_secret_value() == SECRET
    file = tmp_path / "providers.json"
    file.write_text(env.pop("TSEEDER_AUTH_OIDC_PROVIDERS"))
    settings = load(Settings, "auth", {**env, "TSEEDER_AUTH_OIDC_PROVIDERS_FILE": str(file)})
    assert settings.oidc_providers == (provider,)
    assert SECRET not in f"{settings!r}{settings}{provider!r}"


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "http://accounts.example"},
        {"issuer": "https://accounts.example/?a=b"},
        {"issuer": "https://a:b@accounts.example"},
        {"issuer": "ftp://accounts.example"},
        {"issuer": "https://"},
        {"name": "Not This"},
        {"name": ""},
        {"client_secret": ""},
        {"client_id": None},
        {"scopes": ["email"]},
        {"secret": "misspelt"},
    ],
    ids=str,
)
def test_a_wrong_one_stops_the_start_without_its_secret(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(Settings, "auth", environment([{**GOOD, **changes}]))
    text = str(caught.value)
    assert text.startswith("TSEEDER_AUTH_OIDC_PROVIDERS: ")
    assert SECRET not in text


def test_no_name_stands_for_two() -> None:
    with pytest.raises(SettingsError, match="each name once"):
        load(Settings, "auth", environment([GOOD, GOOD]))


def test_on_this_machine_http_will_do() -> None:
    for issuer in ("http://127.0.0.1:8080", "http://localhost:8080/realms/a", "http://[::1]:8080"):
        assert load(Settings, "auth", environment([{**GOOD, "issuer": issuer}])).oidc_providers[0].issuer == issuer
