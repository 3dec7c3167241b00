"""Which credential a request carries."""

from __future__ import annotations

import pytest

from tseeder_auth.domain.tokens import new_api_key
from tseeder_gateway.domain.credentials import Credential, basic_password, check_api_key, cookie_name, presented
from tseeder_kit.errors import AppError, Kind

COOKIE = "__Host-tseeder"


def found(
    authorization: tuple[str, ...] = (), api_key: tuple[str, ...] = (), cookies: tuple[str, ...] = ()
) -> Credential | None:
    return presented(authorization=authorization, api_key=api_key, cookies=cookies, cookie=COOKIE)


def refusal(**headers: tuple[str, ...]) -> str:
    with pytest.raises(AppError) as caught:
        found(**headers)
    assert caught.value.kind is Kind.UNAUTHENTICATED
    return caught.value.code


def test_nothing_is_nobody() -> None:
    assert found() is None
    assert found(cookies=("other=1; tseeder=x",)) is None
    assert found(cookies=(f"{COOKIE}=",)) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ("Bearer tsk_x",)},
        {"authorization": ("bearer   tsk_x ",)},
        {"api_key": ("tsk_x",)},
        {"authorization": ("Bearer tsk_x",), "api_key": ("tsk_x",)},
        {"authorization": ("Bearer tsk_x",), "cookies": (f"{COOKIE}=session",)},
    ],
)
def test_a_key_goes_before_a_cookie(headers: dict[str, tuple[str, ...]]) -> None:
    assert found(**headers) == Credential("api_key", "tsk_x")


def test_the_session_is_found_among_other_cookies() -> None:
    assert found(cookies=(f'a=b; {COOKIE}="s3cret" ; c=d',)) == Credential("session", "s3cret")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ("Basic dXNlcjpwYXNz",)},
        {"authorization": ("Bearer",)},
        {"authorization": ("",)},
        {"authorization": ("Bearer a b",)},
        {"api_key": ("schlüssel",)},
        {"api_key": ("x" * 1000,)},
        {"cookies": (f"{COOKIE}={'x' * 1000}",)},
    ],
)
def test_what_is_no_credential_is_said_so(headers: dict[str, tuple[str, ...]]) -> None:
    assert refusal(**headers) == "credential_invalid"


def test_two_different_ones_are_one_too_many() -> None:
    assert refusal(authorization=("Bearer a",), api_key=("b",)) == "credential_ambiguous"
    assert refusal(authorization=("Bearer a", "Bearer b")) == "credential_ambiguous"
    assert refusal(cookies=(f"{COOKIE}=a; {COOKIE}=b",)) == "credential_ambiguous"


def test_the_secret_does_not_show() -> None:
    credential = Credential("api_key", "tsk_secret")
    assert "tsk_secret" not in repr(credential)
    assert credential.fingerprint != Credential("session", "tsk_secret").fingerprint


def test_the_cookie_is_bound_to_https_unless_it_cannot_be() -> None:
    assert cookie_name(insecure_http=False) == "__Host-tseeder"
    assert cookie_name(insecure_http=True) == "tseeder"


def test_a_key_that_auth_made_passes_and_one_with_a_wrong_letter_does_not() -> None:
    key = new_api_key().text
    check_api_key(key)
    for at in range(len(key)):
        other = key[:at] + ("x" if key[at] != "x" else "y") + key[at + 1 :]
        with pytest.raises(AppError) as caught:
            check_api_key(other)
        assert caught.value.code == "api_key_invalid"
    for text in ("", "tsk_", key + "a", key[:-1], key.upper(), key + "\n"):
        with pytest.raises(AppError):
            check_api_key(text)


@pytest.mark.parametrize(
    ("headers", "password"),
    [
        (("Basic YW5uOnNlY3JldA==",), "secret"),
        (("basic  YW5uOnNlY3JldA== ",), "secret"),
        (("Basic OmE6Yg==",), "a:b"),  # no name; a colon in it
        (("Basic YW5uOkdyw7zDn2U=",), "Gr\u00fc\u00dfe"),
        (("Basic YW5u",), ""),  # no colon
        (("Basic /w==",), ""),  # no UTF-8
        (("Basic ?",), ""),
        (("Basic",), ""),
        (("Bearer YW5uOnNlY3JldA==",), ""),
        (("Basic YW5uOnNlY3JldA==", "Basic YW5uOnNlY3JldA=="), ""),
        ((), ""),
    ],
)
def test_a_password_of_http_basic(headers: tuple[str, ...], password: str) -> None:
    assert basic_password(headers) == password
