import pytest

from tseeder_agent.domain.proxy import Proxy, parse_proxy


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("socks5://proxy.example:1081", Proxy("socks5", "proxy.example", 1081)),
        ("socks5h://10.0.0.9", Proxy("socks5h", "10.0.0.9", 1080)),
        ("http://user:p%40ss%3A@[::1]:3128/", Proxy("http", "::1", 3128, "user", "p@ss:")),
    ],
)
def test_a_proxy_by_its_url(url: str, proxy: Proxy) -> None:
    assert parse_proxy(url) == proxy


@pytest.mark.parametrize(
    "url",
    [
        "", "proxy:1080", "socks4://proxy", "https://proxy", "socks5://", "socks5://proxy:0", "socks5://proxy:70000",
        "socks5://proxy:x", "socks5://user@proxy", "socks5://:secret@proxy", "http://proxy/path", "http://proxy?x=1",
        f"socks5://user:{'s' * 256}@proxy", "socks5://[::1",
    ],
)  # fmt: skip
def test_what_is_no_proxy_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|must|may) ") as caught:
        parse_proxy(url)
    assert "secret" not in str(caught.value)


def test_a_password_is_not_shown() -> None:
    assert "hidden" not in repr(parse_proxy("socks5://user:hidden@proxy"))


def test_only_socks5_resolves_here() -> None:
    assert [parse_proxy(f"{scheme}://p").resolves for scheme in ("socks5", "socks5h", "http")] == [False, True, True]
