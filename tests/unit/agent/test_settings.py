from typing import Any

import pytest

from tseeder_agent.settings import Settings
from tseeder_kit.settings import SettingsError, load

LEAST = {
    "TSEEDER_AGENT_AGENT_ID": "a",
    "TSEEDER_AGENT_JOBS_TARGET": "jobs:1",
    "TSEEDER_AGENT_JOIN_SECRET": "secret-of-16-chars",
    "TSEEDER_AGENT_SCRATCH_DIR": "/scratch",
}


def loaded(**changes: Any) -> Settings:
    return load(Settings, "agent", {**LEAST, **{f"TSEEDER_AGENT_{name}": value for name, value in changes.items()}})


def test_a_proxy_with_its_password_from_a_file(tmp_path: Any) -> None:
    secret = tmp_path / "proxy"
    secret.write_text("socks5h://user:hidden@proxy.example:1081\n")
    settings = loaded(PROXY_URL_FILE=str(secret))
    assert settings.proxy is not None
    assert (settings.proxy.host, settings.proxy.password) == ("proxy.example", "hidden")
    assert "hidden" not in repr(settings)
    assert loaded().proxy is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROXY_URL", "ftp://user:hidden@proxy"),
        ("ENCRYPTION", "sometimes"),
        ("OUTGOING_INTERFACES", "10.0.0.1"),
        ("OUTGOING_INTERFACES", "wg0,name-that-is-too-long"),
        ("OUTGOING_INTERFACES", "wg0:6881"),
        ("S3_ENDPOINT", "https://"),
        ("S3_ENDPOINT", "http://user:hidden@s3.example"),
        ("S3_ENDPOINT", "http://s3.example:99999"),
        ("DHT_NODES", "router.example"),
        ("DHT_NODES", "router.example:0"),
        ("DHT_NODES", "router.example:70000"),
    ],
)
def test_what_cannot_be_is_refused_at_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(**{name: value})
    assert name in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_devices_and_nodes_are_lists() -> None:
    settings = loaded(OUTGOING_INTERFACES="wg0,wg1", DHT_NODES="node.example:2,[2001:4860::1]:1", ENCRYPTION="required")
    assert settings.outgoing_interfaces == ("wg0", "wg1")
    assert settings.dht_nodes == ("node.example:2", "[2001:4860::1]:1")
    assert settings.encryption == "required"
