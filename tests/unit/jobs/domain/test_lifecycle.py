"""The bucket's lifecycle: ours beside others'."""

from __future__ import annotations

from typing import Any

import pytest

from tseeder_jobs.domain.lifecycle import ABORT_RULE_ID, with_abort_rule

LOGS: dict[str, Any] = {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 7}}
OLD: dict[str, Any] = {"ID": "old", "Status": "Enabled", "Prefix": "old/", "Expiration": {"Days": 7}}
NAMELESS: dict[str, Any] = {
    "Status": "Enabled",
    "Filter": {},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
}


def ours(days: int = 30, **changes: Any) -> dict[str, Any]:
    rule = {
        "ID": ABORT_RULE_ID,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days},
    }
    return {**rule, **changes}


@pytest.mark.parametrize("others", [[], [LOGS], [LOGS, NAMELESS]])
def test_it_is_added_behind_all_others(others: list[dict[str, Any]]) -> None:
    assert with_abort_rule(others, 30) == [*others, ours()]
    assert with_abort_rule([*others, ours()], 30) is None
    assert with_abort_rule([ours(), *others], 30) is None


@pytest.mark.parametrize(
    "changed",
    [
        ours(29),
        ours(Status="Disabled"),
        ours(Filter={"Prefix": "some/"}),
        ours(Expiration={"Days": 1}),
    ],
)
def test_one_that_says_something_else_is_replaced(changed: dict[str, Any]) -> None:
    assert with_abort_rule([LOGS, changed, NAMELESS], 30) == [LOGS, NAMELESS, ours()]


def test_two_of_ours_become_one() -> None:
    assert with_abort_rule([ours(), ours(), LOGS], 30) == [LOGS, ours()]


def test_rules_of_the_old_form_stay_among_themselves() -> None:
    """AWS refuses a mixture; and RadosGW answers the old form, whichever it was told."""
    rule = ours()
    del rule["Filter"]
    old_form = {**rule, "Prefix": ""}
    assert with_abort_rule([OLD], 30) == [OLD, old_form]
    assert with_abort_rule([OLD, old_form], 30) is None
    assert with_abort_rule([old_form], 30) is None
    assert with_abort_rule([old_form], 31) == [ours(31)]
