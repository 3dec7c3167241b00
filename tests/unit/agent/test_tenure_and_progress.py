import pytest

from tseeder_agent.domain.ledger import Amounts
from tseeder_agent.domain.problems import NO_PEERS, Problems
from tseeder_agent.domain.progress import Meter, eta
from tseeder_agent.domain.tenure import Tenure
from tseeder_agent.domain.transfer import Problem


def test_tenure_counts_from_when_the_renewing_call_was_sent() -> None:
    tenure = Tenure(self_stop_seconds=40, renewed_at=100)
    assert tenure.remaining(now=130) == 10
    tenure.renewed(120)
    tenure.renewed(110)  # an older call, answered late
    assert tenure.remaining(now=130) == 30
    assert tenure.remaining(now=160) == 0


@pytest.mark.parametrize(
    ("amounts", "down", "up", "seconds"),
    [
        (Amounts(100, 100, 100), 0, 0, 0),
        (Amounts(100, 50, 0), 10, 50, 5),
        (Amounts(100, 50, 0), 50, 10, 10),
        (Amounts(100, 50, 0), 0, 10, None),
        (Amounts(100, 100, 0), 0, 0, None),
        (Amounts(10**15, 0, 0), 1, 1, None),
    ],
)
def test_the_slower_side_decides_when_it_is_done(amounts: Amounts, down: int, up: int, seconds: int | None) -> None:
    assert eta(amounts, down, up) == seconds


def test_a_rate_is_that_of_the_last_seconds() -> None:
    meter = Meter(span_seconds=2)
    assert meter.rate(10.0) == 0
    meter.add(100)
    assert meter.rate(11.0) == 100
    meter.add(300)
    assert meter.rate(12.0) == 200
    assert meter.rate(20.0) == 0


def test_the_most_telling_problem_is_shown() -> None:
    problems = Problems()
    assert problems.shown is None
    assert problems.raise_("swarm", NO_PEERS)
    refused = Problem("storage_refused", "no")
    assert problems.raise_("storage", refused)
    assert not problems.raise_("storage", refused)
    assert problems.shown == refused
    assert problems.clear("storage")
    assert not problems.clear("storage")
    assert problems.shown == NO_PEERS
