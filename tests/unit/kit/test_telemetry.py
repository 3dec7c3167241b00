"""Metrics have our prefix, and labels."""

import pytest

from tseeder_kit.telemetry import counter, exposition, gauge, histogram


def test_metrics_are_exposed_with_our_prefix() -> None:
    made = counter("test_things", "Things", ("sort",))
    made.labels("good").inc(2)
    gauge("tseeder_test_level", "Level").set(7)
    histogram("test_seconds", "Time", buckets=(1.0, 2.0)).observe(1.5)
    text = exposition().decode()
    assert 'tseeder_test_things_total{sort="good"} 2.0' in text
    assert "tseeder_test_level 7.0" in text
    assert 'tseeder_test_seconds_bucket{le="2.0"} 1.0' in text


def test_a_name_is_used_once() -> None:
    counter("test_once", "Once")
    with pytest.raises(ValueError, match="Duplicated"):
        counter("test_once", "Twice")
