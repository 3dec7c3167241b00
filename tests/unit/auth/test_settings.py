"""auth's settings."""

from datetime import timedelta

from tseeder_auth.settings import Settings
from tseeder_kit.settings import load

NEEDED = {
    "TSEEDER_DATABASE_URL": "postgresql://x",
    "TSEEDER_IDENTITY_PUBLIC_KEYS": "/p.pem",
    "TSEEDER_AUTH_IDENTITY_PRIVATE_KEY": "/k.pem",
    "TSEEDER_AUTH_CRYPTO_KEYS": "/keys.json",
}


def test_defaults_are_the_documented_ones() -> None:
    rules = load(Settings, "auth", NEEDED).login_rules()
    assert (rules.session_lifetime, rules.session_idle) == (timedelta(days=30), timedelta(days=7))
    assert rules.touch_interval == timedelta(minutes=1)
    assert (rules.account.free_failures, rules.address.free_failures) == (10, 100)
    assert rules.account.longest_wait == timedelta(minutes=15)


def test_the_database_url_is_not_shown() -> None:
    assert "postgresql://x" not in repr(load(Settings, "auth", NEEDED))
