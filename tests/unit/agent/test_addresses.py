import ipaddress

import pytest

from tseeder_agent.domain.addresses import (
    LOOPBACK,
    Fence,
    Rule,
    filter_rules,
    is_refused,
    usable_peers,
    usable_trackers,
    usable_web_seeds,
)


def refused(rules: list[Rule], text: str) -> bool:
    """As libtorrent applies the rules: the last one that covers the address decides."""
    address = ipaddress.ip_address(text)
    verdict = False
    for rule in rules:
        first, last = ipaddress.ip_address(rule.first), ipaddress.ip_address(rule.last)
        if first.version == address.version and int(first) <= int(address) <= int(last):
            verdict = rule.refused
    return verdict


PRIVATE = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.168.1.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255",
    "::", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "100::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1",
    "2001::1", "2002:a00:1::1", "2001:db8::1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "9.255.255.255", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_the_public_internet_is_refused(address: str) -> None:
    assert refused(filter_rules(), address)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_is_let_through(address: str) -> None:
    assert not refused(filter_rules(), address)


def test_loopback_can_be_admitted_and_nothing_else_with_it() -> None:
    rules = filter_rules(admitted=LOOPBACK)
    assert not refused(rules, "127.0.0.2")
    assert not refused(rules, "::1")
    assert [each for each in PRIVATE if not refused(rules, each)] == ["127.0.0.1", "::1"]


def test_the_operator_s_ranges_are_refused_too() -> None:
    assert refused(filter_rules(refused=["203.0.112.0/24", "2a00:1450::/32"]), "2a00:1450::1")


def test_trackers_are_limited_in_number_and_kind() -> None:
    assert usable_trackers(
        ["wss://t.example/", "http://t.example/a", "udp://t.example:6969", "http://t.example/a"]
    ) == [
        "http://t.example/a",
        "udp://t.example:6969",
    ]
    assert len(usable_trackers([f"http://t{number}.example/announce" for number in range(50_000)])) == 50
    assert usable_trackers(["http://", "http://t.example:99999/", "http://t.example/\r\nX: y", "http://[::1/"]) == []


def test_web_seeds_are_limited_in_number_and_kind() -> None:
    assert len(usable_web_seeds([f"https://w{number}.example/" for number in range(99)])) == 10
    assert usable_web_seeds(["ftp://w.example/", "file:///etc/passwd"]) == []


def test_peers_are_literal_addresses() -> None:
    assert usable_peers(["127.0.0.1:80", "[::1]:81", "localhost:82", "127.0.0.1", "1.2.3.4:0", "1.2.3.4:70000"]) == [
        ("127.0.0.1", 80),
        ("::1", 81),
    ]


def test_a_port_that_is_no_number_in_ascii_is_left_out() -> None:
    assert usable_peers(["127.0.0.1:²", "127.0.0.1:٨٠", "127.0.0.1:" + "9" * 5000, "127.0.0.1:"]) == []


@pytest.mark.parametrize("address", PRIVATE)
def test_a_single_address_is_judged_as_the_filter_does(address: str) -> None:
    assert is_refused(address)
    assert not is_refused(address, admitted=["0.0.0.0/0", "::/0"])


def test_a_public_address_that_the_operator_refuses_and_what_is_no_address() -> None:
    assert not is_refused("1.1.1.1")
    assert is_refused("1.1.1.1", refused=["1.1.1.0/24"])
    assert is_refused("one.example")
    assert is_refused("fe80::1%eth0")


def test_the_numbers_are_exact() -> None:
    trackers = [f"http://t{number}.example/announce" for number in range(51)]
    assert usable_trackers(trackers[:50]) == trackers[:50]
    assert usable_trackers(trackers) == trackers[:50]
    seeds = [f"http://w{number}.example/" for number in range(11)]
    assert usable_web_seeds(seeds[:10]) == seeds[:10]
    assert usable_web_seeds(seeds) == seeds[:10]


def test_through_a_proxy_no_udp_is_asked_and_no_host_that_is_written_as_inside() -> None:
    fence = Fence(udp=False, by_name=True)
    urls = [
        "udp://t.example:1", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://[::ffff:10.0.0.5]/",
        "http://localhost/", "http://jobs/", "http://x.svc.cluster.local/", "http://169.254.169.254/", "https://t.example/",
    ]  # fmt: skip
    assert usable_trackers(urls, fence) == ["https://t.example/"]
    assert usable_web_seeds(urls, fence) == ["https://t.example/"]
