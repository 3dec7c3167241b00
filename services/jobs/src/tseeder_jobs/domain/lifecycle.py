"""The bucket's lifecycle rules, as S3's API has them: ours among those of the bucket's owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

ABORT_RULE_ID: Final = "tseeder-abort-uploads"


def with_abort_rule(rules: Sequence[Mapping[str, Any]], days: int) -> list[Mapping[str, Any]] | None:
    """`rules` with ours, which aborts multipart uploads `days` after they were opened; None if they have it already.

    Others' rules stay as they are, and in their order: only what bears ABORT_RULE_ID is ours.
    """
    others = [rule for rule in rules if rule.get("ID") != ABORT_RULE_ID]
    ours = [rule for rule in rules if rule.get("ID") == ABORT_RULE_ID]
    if len(ours) == 1 and _plain(ours[0]) == _plain(_abort_rule(days, old_form=False)):
        return None
    # AWS refuses a configuration that mixes rules with a Filter and rules of the old form, with a Prefix of their own.
    return [*others, _abort_rule(days, old_form=any("Prefix" in rule for rule in others))]


def _abort_rule(days: int, *, old_form: bool) -> dict[str, Any]:
    return {
        "ID": ABORT_RULE_ID,
        "Status": "Enabled",
        **({"Prefix": ""} if old_form else {"Filter": {"Prefix": ""}}),
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days},
    }


def _plain(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Without the two ways to say "every key": RadosGW answers the old one, whichever it was told."""
    return {
        name: value for name, value in rule.items() if (name, value) not in (("Prefix", ""), ("Filter", {"Prefix": ""}))
    }
