"""Connections at once."""

from __future__ import annotations

import ipaddress

from tseeder_gateway.domain.connection_limit import ConnectionLimit


def test_one_address_has_its_share_and_gets_it_back() -> None:
    limit = ConnectionLimit(10, 2)
    assert [limit.admit("198.51.100.1") for _ in range(3)] == [True, True, False]
    assert limit.admit("198.51.100.2")
    limit.release("198.51.100.1")
    assert limit.admit("198.51.100.1")
    assert len(limit) == 3


def test_a_64_is_one_address() -> None:
    limit = ConnectionLimit(10, 2)
    assert [limit.admit(f"2001:db8::{number}") for number in range(1, 4)] == [True, True, False]
    assert limit.admit("2001:db8:0:1::1")


def test_all_together_have_a_limit_too_even_through_a_proxy() -> None:
    limit = ConnectionLimit(4, 1, [ipaddress.ip_network("10.0.0.0/8")])
    assert [limit.admit("10.0.0.1") for _ in range(5)] == [True, True, True, True, False]
    assert not limit.admit("198.51.100.1")


def test_who_has_none_takes_no_room() -> None:
    limit = ConnectionLimit(10, 1)
    for number in range(100):
        assert limit.admit(f"198.51.100.{number}")
        limit.release(f"198.51.100.{number}")
    assert len(limit) == 0
