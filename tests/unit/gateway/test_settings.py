"""Settings: wrong ones are refused with a line that says which."""

from __future__ import annotations

import pytest

from tseeder_gateway.settings import Settings
from tseeder_kit.settings import SettingsError, load

NEEDED = {f"TSEEDER_GATEWAY_{name}_TARGET": "127.0.0.1:1" for name in ("AUTH", "JOBS", "BILLING", "ADMIN")}


def test_the_defaults_are_the_safe_ones() -> None:
    settings = load(Settings, "gateway", NEEDED)
    assert not settings.insecure_http
    assert not settings.content_redirect
    assert settings.cors_origins == ()
    assert settings.allowed_hosts == ()
    assert settings.trusted_networks == ()


def test_lists_come_separated_by_commas() -> None:
    environ = {
        **NEEDED,
        "TSEEDER_GATEWAY_CORS_ORIGINS": "https://a.example, http://localhost:3000, https://[::1]:8443",
        "TSEEDER_GATEWAY_ALLOWED_HOSTS": "api.example,[::1]",
        "TSEEDER_GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8,fd00::/8",
    }
    settings = load(Settings, "gateway", environ)
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000", "https://[::1]:8443")
    assert settings.allowed_hosts == ("api.example", "[::1]")
    assert [str(network) for network in settings.trusted_networks] == ["10.0.0.0/8", "fd00::/8"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://a.example/"),
        ("CORS_ORIGINS", "https://A.example"),
        ("CORS_ORIGINS", "null"),
        ("CORS_ORIGINS", "a.example"),
        ("CORS_ORIGINS", "https://*.example"),
        ("CORS_ORIGINS", "https://a.example:443"),
        ("CORS_ORIGINS", "http://a.example:80"),
        ("CORS_ORIGINS", "http://a.example:99999"),
        ("CORS_ORIGINS", "https://a.example:"),
        ("CORS_ORIGINS", "https://u@a.example"),
        ("CORS_ORIGINS", "https://bücher.example"),
        ("CORS_ORIGINS", "https://a.example,*"),
        ("CORS_ORIGINS", "ftp://a.example"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "A.example"),
        ("ALLOWED_HOSTS", "a.example:8080"),
        ("ALLOWED_HOSTS", "https://a.example"),
        ("ALLOWED_HOSTS", "::1"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "everybody"),
        ("IDENTITY_CACHE_SECONDS", "6"),
        ("HTTP_PORT", "70000"),
        ("AUTH_TARGET", ""),
    ],
)
def test_wrong_ones_are_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(Settings, "gateway", {**NEEDED, f"TSEEDER_GATEWAY_{name}": value})
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
