"""API keys and CSRF tokens."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tseeder_auth.domain.tokens import csrf_token, new_api_key, parse_api_key


def test_a_key_has_the_promised_shape_and_is_never_the_same() -> None:
    keys = [new_api_key() for _ in range(100)]
    assert len({key.text for key in keys}) == 100
    for key in keys:
        assert re.fullmatch(r"tsk_[a-z2-7]{8}_[A-Za-z0-9]{32}_[a-z2-7]{7}", key.text)
        assert key.text.split("_")[1] == key.prefix
        assert parse_api_key(key.text) == key


def test_a_mistyped_key_is_known_offline() -> None:
    text = new_api_key().text
    for at in range(len(text)):
        for other in "aB7":
            if text[at] != other:
                assert parse_api_key(text[:at] + other + text[at + 1 :]) is None
    assert parse_api_key(text + "\n") is None
    assert parse_api_key(text[:-1]) is None


@given(st.text())
def test_other_texts_are_no_keys(text: str) -> None:
    assert parse_api_key(text) is None
    assert parse_api_key("tsk_" + text) is None


def test_a_csrf_token_belongs_to_its_session() -> None:
    assert csrf_token("one") == csrf_token("one")
    assert len({csrf_token("one"), csrf_token("two"), "one"}) == 3
    assert len(csrf_token("one")) == 43
