"""Recovery codes."""

from __future__ import annotations

import re
import uuid

from tseeder_auth.domain.recovery_codes import code_hash, is_totp, new_codes
from tseeder_auth.domain.roles import SCOPES, Role, without_factor


def test_ten_codes_of_eighty_bits_that_can_be_typed() -> None:
    codes = new_codes()
    assert len({*codes}) == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", code) for code in codes)


def test_grouping_and_case_do_not_matter_but_the_user_does() -> None:
    ann, bob = uuid.uuid4(), uuid.uuid4()
    assert code_hash(ann, "abcd-efgh-ijkl-mnop") == code_hash(ann, " ABCDEFGH ijklmnop\n")
    assert code_hash(ann, "abcd-efgh-ijkl-mnop") != code_hash(bob, "abcd-efgh-ijkl-mnop")


def test_six_digits_are_an_authenticators() -> None:
    assert all(is_totp(code) for code in ("123456", " 123 456 ", "123-456"))
    assert not any(is_totp(code) for code in ("12345", "1234567", "１２３４５６", "abcdef", ""))


def test_without_a_factor_an_operator_has_his_account_and_his_key_is_a_users() -> None:
    for role in Role:
        kept = without_factor(role, SCOPES[role], by_session=True)
        assert kept == (SCOPES[role] if role is Role.USER else ("me:read", "me:write"))
        assert without_factor(role, SCOPES[role], by_session=False) == SCOPES[Role.USER]
