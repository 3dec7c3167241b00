"""A session that several commands' steps share, and what is asked of whom."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.unit.cli.wires import URL, Script, client, problem
from tseeder_cli.commands.options import run_with_code
from tseeder_cli.errors import ApiError, CliError, ExitCode
from tseeder_cli.verbs.security import end_sessions

SESSION = {"user": {"email": "ann@example.org"}, "csrf_token": "first", "expires_at": "2027-01-31T12:00:00Z"}


async def test_another_client_goes_on_with_a_session_and_its_renewed_secrets() -> None:
    login = httpx.Response(200, json=SESSION, headers={"set-cookie": "tseeder=one; Path=/; HttpOnly"})
    confirmed = httpx.Response(
        200,
        json={"recovery_codes": ["abcd-efgh-ijkl-mnop"], "session": {**SESSION, "csrf_token": "second"}},
        headers={"set-cookie": "tseeder=two; Path=/; HttpOnly"},
    )
    script = Script([login, confirmed, httpx.Response(204)])
    async with client(script) as first:
        await first.log_in("ann@example.org", "password", "123456")
        held = first.held()
    assert held.url == URL
    assert "one" not in repr(held)
    async with client(script) as second:
        second.go_on_with(held)
        assert await second.confirm_totp("123456") == ["abcd-efgh-ijkl-mnop"]
        await second.log_out()
    body = json.loads(script.requests[0].content)
    assert body == {"email": "ann@example.org", "password": "password", "code": "123456"}
    sent = [(each.headers["cookie"], each.headers["x-csrf-token"]) for each in script.requests[1:]]
    assert sent == [("tseeder=one", "first"), ("tseeder=two", "second")]


async def test_no_code_is_sent_where_none_was_asked_for() -> None:
    script = Script([problem(401, "second_factor_required")])
    async with client(script) as made:
        with pytest.raises(ApiError) as caught:
            await made.log_in("ann@example.org", "password")
    assert "code" not in json.loads(script.requests[0].content)
    assert (caught.value.code, caught.value.hint) == ("second_factor_required", "")


def test_a_code_is_asked_for_only_if_it_is_wanted() -> None:
    tried: list[str] = []

    async def verb(code: str) -> str:
        tried.append(code)
        if len(tried) == 1:
            raise CliError("no", code="second_factor_required")
        return "done"

    with pytest.raises(CliError) as caught:
        run_with_code(verb)  # nobody sits here
    assert (caught.value.code, tried) == ("no_terminal", [""])
    assert run_with_code(verb) == "done"
    assert tried == ["", ""]


@pytest.mark.parametrize(("text", "everywhere"), [("", False), ("01a1", True)])
async def test_which_sessions_are_to_end_is_said_clearly(text: str, everywhere: bool) -> None:
    with pytest.raises(CliError) as caught:
        await end_sessions(URL, text, everywhere=everywhere)
    assert caught.value.exit_code == ExitCode.USAGE
