"""Who operates, what a justification is, and what an error means for the log."""

from uuid import UUID

import pytest

from tseeder_admin.domain.audit import Outcome, outcome_of
from tseeder_admin.domain.operators import Operator, optional_justification, required_justification
from tseeder_kit.errors import AppError, Kind


@pytest.mark.parametrize("kind", list(Kind))
def test_only_an_answer_that_says_no_is_a_refusal(kind: Kind) -> None:
    lost = {Kind.UNAVAILABLE, Kind.DEADLINE, Kind.CANCELLED, Kind.INTERNAL}
    assert outcome_of(AppError(kind, "x", "x")) is (Outcome.UNKNOWN if kind in lost else Outcome.REFUSED)


@pytest.mark.parametrize(
    ("role", "scopes", "read", "write"),
    [
        ("user", {"admin:read", "admin:write"}, "role_too_low", "role_too_low"),
        ("support", {"admin:read"}, None, "scope_missing"),
        ("support", {"admin:read", "admin:write"}, None, "role_too_low"),
        ("admin", {"admin:read", "admin:write"}, None, None),
        ("admin", {"me:read"}, "scope_missing", "scope_missing"),
        ("superadmin", {"admin:write"}, "scope_missing", None),
        ("emperor", {"admin:read", "admin:write"}, "role_too_low", "role_too_low"),
    ],
)
def test_looking_and_acting_need_scope_and_role(
    role: str, scopes: set[str], read: str | None, write: str | None
) -> None:
    operator = Operator(UUID(int=1), role, frozenset(scopes))
    for require, code in ((operator.require_read, read), (operator.require_write, write)):
        if code is None:
            require()
            continue
        with pytest.raises(AppError) as caught:
            require()
        assert (caught.value.kind, caught.value.code) == (Kind.FORBIDDEN, code)


def test_ten_characters_are_enough_and_blanks_do_not_count_twice() -> None:
    given = required_justification("  disk   is\nbad ", " OPS-1 ")
    assert (given.reason, given.ticket_id) == ("disk is bad", "OPS-1")
    assert required_justification("1234567890", "1").reason == "1234567890"
    with pytest.raises(AppError) as caught:
        required_justification("disk  is ba"[:-2], "OPS-1")
    assert caught.value.code == "reason_required"


def test_what_destroys_nothing_needs_no_reason() -> None:
    assert optional_justification("", "").reason == ""
    with pytest.raises(AppError) as caught:
        optional_justification("bell \a", "")
    assert caught.value.code == "bad_text"
