"""The environment's proxy, as botocore takes it; what goes by it and what does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.utils import get_environ_proxies

from tseeder_s3 import proxy_for
from tseeder_s3.sending import environment_proxy


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """What was asked once is remembered: the environment of a service does not change."""
    environment_proxy.cache_clear()
    yield
    environment_proxy.cache_clear()


@pytest.mark.parametrize(
    ("environment", "netloc"),
    [
        ({"http_proxy": "http://proxy:3128"}, "s3.test"),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "s3.test:9000"}, "s3.test:9000"),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "s3.test:9000"}, "s3.test:9001"),
        ({"http_proxy": "http://proxy:3128", "no_proxy": ".test"}, "s3.test:9000"),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "*"}, "s3.test"),
        ({"https_proxy": "http://proxy:3128"}, "s3.test"),
        ({}, "s3.test"),
    ],
    ids=repr,
)
def test_the_environment_s_proxy_is_botocore_s(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], netloc: str
) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    url = f"http://{netloc}/b/k"
    assert proxy_for(url) == get_environ_proxies(url).get("http")


def test_a_proxy_without_a_scheme_is_an_http_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "proxy:3128")
    assert proxy_for("http://s3.test/") == "http://proxy:3128"
