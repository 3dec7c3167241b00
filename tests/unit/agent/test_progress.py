from tseeder_agent.domain.progress import Meter

MIB = 1 << 20


def test_a_rate_is_right_from_the_second_look_on() -> None:
    meter = Meter()
    assert meter.rate(10.0) == 0
    meter.add(4 * MIB)
    assert meter.rate(11.0) == 4 * MIB
    meter.add(2 * MIB)
    assert meter.rate(12.0) == 3 * MIB


def test_what_is_longer_ago_than_the_span_is_forgotten() -> None:
    meter = Meter(span_seconds=5)
    meter.add(100 * MIB)
    for second in range(20):
        rate = meter.rate(float(second))
    assert rate == 0


def test_it_follows_another_counter_and_its_new_beginnings() -> None:
    meter = Meter()
    for now, counted in ((0.0, 0), (1.0, 3 * MIB), (2.0, 5 * MIB), (3.0, 1 * MIB)):
        meter.reach(counted)
        rate = meter.rate(now)
    assert meter.total == 6 * MIB
    assert rate == 2 * MIB
