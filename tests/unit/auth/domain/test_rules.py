"""Roles, scopes, passwords and texts."""

from itertools import pairwise
from uuid import UUID

import pytest

from tseeder_auth.domain.passwords import check_new_password, prepare_password
from tseeder_auth.domain.roles import ALL_SCOPES, SCOPES, Caller, Role, effective, granted_scopes
from tseeder_auth.domain.text import clipped, one_line
from tseeder_kit.errors import AppError


def test_each_role_may_what_the_one_below_may() -> None:
    roles = sorted(Role, key=lambda role: role.rank)
    assert roles == [Role.USER, Role.SUPPORT, Role.ADMIN, Role.SUPERADMIN]
    for lower, higher in pairwise(roles):
        assert set(SCOPES[lower]) <= set(SCOPES[higher])
    assert not [scope for scope in SCOPES[Role.USER] if scope.startswith("admin:")]
    assert "admin:write" not in SCOPES[Role.SUPPORT]


def test_a_key_never_gets_more_than_its_maker_or_its_owners_role() -> None:
    held = frozenset({"jobs:read", "me:write"})
    assert granted_scopes([], held) == ("jobs:read", "me:write")
    assert granted_scopes(["me:write"], held) == ("me:write",)
    for wanted, code in (
        (["jobs:write"], "scope_escalation"),
        (["*"], "unknown_scope"),
        (["admin:*"], "unknown_scope"),
    ):
        with pytest.raises(AppError) as caught:
            granted_scopes(wanted, held)
        assert caught.value.code == code
    assert effective(Role.USER, ALL_SCOPES) == SCOPES[Role.USER]
    assert effective(Role.ADMIN, ["admin:write", "gone:scope"]) == ("admin:write",)


def test_a_caller_is_held_to_scope_and_role() -> None:
    caller = Caller(UUID(int=1), Role.SUPPORT, frozenset({"admin:read"}))
    caller.require("admin:read")
    caller.require_role(Role.SUPPORT)
    with pytest.raises(AppError) as caught:
        caller.require("admin:write")
    assert caught.value.code == "scope_missing"
    with pytest.raises(AppError) as caught:
        caller.require_role(Role.ADMIN)
    assert caught.value.code == "role_too_low"


def test_passwords_are_8_to_128_characters_and_composed() -> None:
    assert check_new_password("x" * 8) == "x" * 8
    assert check_new_password("x" * 128) == "x" * 128
    assert prepare_password("a\u0308") == "ä"
    assert prepare_password("") == ""
    for text, code in (("x" * 7, "password_too_short"), ("x" * 129, "password_too_long")):
        with pytest.raises(AppError) as caught:
            check_new_password(text)
        assert caught.value.code == code
    with pytest.raises(AppError):
        prepare_password("x" * 10**6)


def test_texts_are_visible() -> None:
    assert one_line("name", "  a b ", longest=3) == "a b"
    for text in ("", "   ", "abcd", "a\nb", "a\u202eb", "a\0b", "a\u2028b"):
        with pytest.raises(AppError) as caught:
            one_line("name", text, longest=3)
        assert caught.value.code == "bad_text"
    assert clipped("Mozilla\r\n\0/5.0" + "x" * 1000, longest=14) == "Mozilla/5.0x"[:11]
