from tseeder_agent.domain.problems import DISK_FULL, PARKED, RESTARTING
from tseeder_agent.domain.tenure import Tenure
from tseeder_agent.domain.transfer import LeaseId
from tseeder_agent.usecases.run import HandOver, Run


def run() -> Run:
    return Run(LeaseId("t", 1), Tenure(40, 0))


def test_the_first_reason_to_give_a_lease_back_stands() -> None:
    asked = run()
    asked.ask_back(HandOver(DISK_FULL))
    asked.ask_back(HandOver(RESTARTING))
    asked.ask_back(HandOver(PARKED, wanted_version=2))
    assert asked.hand_over == HandOver(DISK_FULL)


def test_a_reason_that_depends_on_the_wish_gives_way_to_one_that_does_not() -> None:
    asked = run()
    asked.ask_back(HandOver(PARKED, wanted_version=2))
    asked.look_again.clear()
    asked.ask_back(HandOver(PARKED, wanted_version=2))
    assert not asked.look_again.is_set()
    asked.ask_back(HandOver(RESTARTING))
    assert asked.hand_over == HandOver(RESTARTING)
    assert asked.look_again.is_set()
