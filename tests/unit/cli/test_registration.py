"""tseeder register, verify, password: what is asked before anything is sent, and what is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.unit.cli.terminals import at_a_terminal
from tests.unit.cli.test_commands import run
from tseeder_cli import config
from tseeder_cli.client import HeldSession
from tseeder_cli.commands.signing_in import code_for
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.target import find_target

CONFIG = {
    "registration_open": True,
    "human_check": "none",
    "terms_version": "7",
    "terms_url": "https://a.example/terms",
}
EMAIL = "me@example.org"


class Gateway(ThreadingHTTPServer):
    """Notes what it is asked: path, body and CSRF token. It answers in the shapes of the API, or as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.config: dict[str, Any] = dict(CONFIG)
        self.refused: dict[str, str] = {}  # path -> code
        self.second_factor = False
        self.seen: list[tuple[str, Any, str | None]] = []
        self.contested = False

    @property
    def option(self) -> tuple[str, str]:
        """For the command line."""
        return "--url", f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_GET(self) -> None:
        self.server.seen.append((self.path, None, None))
        self._answer(200, self.server.config)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said: Any = json.loads(body) if body else None
        self.server.seen.append((self.path, said, self.headers.get("X-CSRF-Token")))
        code = self.server.refused.get(self.path, "")
        if self.path == "/v1/auth/login" and self.server.second_factor and "code" not in (said or {}):
            code = "second_factor_required"
        if code:
            self._answer(401, {"code": code, "detail": "No."})
        elif self.path in ("/v1/auth/login", "/v1/me/password"):
            self._answer(200, {"user": {}, "csrf_token": f"of {self.path}", "expires_at": "2027-01-31T12:00:00Z"})
        elif self.path in ("/v1/auth/register", "/v1/auth/password-reset", "/v1/auth/verify-email/resend"):
            self._answer(202, {"accepted": True})
        elif self.server.contested:
            self._answer(400, {"code": "password_needed", "detail": "say which"})
        else:
            self._answer(204, None)

    do_DELETE = do_POST  # noqa: N815 - as http.server has it

    def _answer(self, status: int, body: Any) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def serving() -> Iterator[Gateway]:
    with Gateway() as gateway:
        thread = Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield gateway
        finally:
            gateway.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home, and no server in the environment."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("TSEEDER_URL", "TSEEDER_API_KEY", "TSEEDER_STATE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Gateway]:
    """A server on the wire."""
    with serving() as gateway:
        yield gateway


def test_registering_accepts_the_terms_of_the_server(server: Gateway) -> None:
    status, said = run(*server.option, "register", EMAIL, "--accept-terms", "--password-stdin", stdin="a long phrase\n")
    body = {"email": EMAIL, "password": "a long phrase", "accepted_terms_version": "7"}
    assert (status, server.seen[-1]) == (0, ("/v1/auth/register", body, None)), said
    assert f"a mail to {EMAIL}" in said


@pytest.mark.parametrize(
    ("change", "code"),
    [({"registration_open": False}, "registration_closed"), ({"human_check": "turnstile"}, "human_check_needed")],
)
def test_where_one_cannot_register_no_password_is_asked_for(server: Gateway, change: dict[str, Any], code: str) -> None:
    server.config.update(change)
    status, said = run(*server.option, "register", EMAIL)
    assert (status, f"[{code}]" in said, "assword" in said) == (ExitCode.REFUSED, True, False)
    assert len(server.seen) == 1


def test_terms_are_not_accepted_where_nobody_can_be_asked(server: Gateway) -> None:
    status, said = run(*server.option, "register", EMAIL, "--password-stdin", stdin="a long phrase\n")
    assert (status, "nothing was done" in said, len(server.seen)) == (ExitCode.USAGE, True, 1)
    assert "say --accept-terms" in said


@pytest.mark.parametrize(
    ("arguments", "stdin", "path", "body"),
    [
        (("verify", "T"), "", "verify-email", {"token": "T"}),
        (("verify", "T", "--password-stdin"), "mine\n", "verify-email", {"token": "T", "password": "mine"}),
        (("verify", "--resend", EMAIL), "", "verify-email/resend", {"email": EMAIL}),
        (("password", "reset", EMAIL), "", "password-reset", {"email": EMAIL}),
        (
            ("password", "confirm", "T", "--password-stdin"),
            "a long phrase\n",
            "password-reset/confirm",
            {"token": "T", "new_password": "a long phrase"},
        ),
        (
            ("password", "confirm", "--password-stdin"),
            "T\na long phrase\n",
            "password-reset/confirm",
            {"token": "T", "new_password": "a long phrase"},
        ),
    ],
)
def test_what_is_sent(server: Gateway, arguments: tuple[str, ...], stdin: str, path: str, body: dict[str, str]) -> None:
    status, said = run(*server.option, *arguments, stdin=stdin)
    assert (status, server.seen[-1]) == (0, (f"/v1/auth/{path}", body, None)), said


def test_another_password_is_set_in_a_session_that_is_ended_again(server: Gateway) -> None:
    words = "the old phrase\nthe new phrase\n"
    status, said = run(*server.option, "password", "change", EMAIL, "--password-stdin", stdin=words)
    assert (status, server.seen) == (
        0,
        [
            ("/v1/auth/login", {"email": EMAIL, "password": "the old phrase"}, None),
            ("/v1/me/password", {"password": "the old phrase", "new_password": "the new phrase"}, "of /v1/auth/login"),
            ("/v1/auth/logout", None, "of /v1/me/password"),
        ],
    ), said


def test_a_session_whose_change_is_refused_is_ended_all_the_same(server: Gateway) -> None:
    server.refused["/v1/me/password"] = "wrong_password"
    words = "the old phrase\nthe new phrase\n"
    status, said = run(*server.option, "password", "change", EMAIL, "--password-stdin", stdin=words)
    assert (status, "[wrong_password]" in said) == (ExitCode.NOT_SIGNED_IN, True)
    assert server.seen[-1] == ("/v1/auth/logout", None, "of /v1/auth/login")
    server.seen.clear()
    server.refused["/v1/me/totp"] = "wrong_password"
    status, shown = at_a_terminal(*server.option, "totp", "on", "--email", EMAIL, answer=b"a phrase\n")
    assert (status, "[wrong_password]" in shown) == (ExitCode.NOT_SIGNED_IN, True)
    assert [path for path, *_ in server.seen] == ["/v1/auth/login", "/v1/me/totp", "/v1/auth/logout"]
    server.seen.clear()
    with pytest.raises(CliError):  # nobody sits here
        code_for(HeldSession(server.option[1], (), "of a session"))
    assert server.seen == [("/v1/auth/logout", None, "of a session")]


def test_with_a_second_factor_another_password_takes_two_codes(server: Gateway) -> None:
    server.second_factor = True
    command = (*server.option, "password", "change", EMAIL, "--password-stdin")
    status, shown = at_a_terminal(*command, answer=b"the old\nthe new\n111111\n222222\n", ends=b"")
    assert (status, server.seen[1:]) == (
        0,
        [
            ("/v1/auth/login", {"email": EMAIL, "password": "the old", "code": "111111"}, None),
            (
                "/v1/me/password",
                {"password": "the old", "new_password": "the new", "code": "222222"},
                "of /v1/auth/login",
            ),
            ("/v1/auth/logout", None, "of /v1/me/password"),
        ],
    ), shown


def test_an_account_is_deleted_and_its_key_here_is_forgotten(server: Gateway) -> None:
    url = server.option[1]
    path = config.config_path()
    name = find_target(url).server
    config.save(path, config.Config().with_login(name, config.Login(url, "key", EMAIL, "id"), current=True))
    status, said = run(*server.option, "delete-account", "--password-stdin", stdin="a phrase\n")
    assert (status, "say --yes" in said, server.seen) == (ExitCode.USAGE, True, [])
    server.refused["/v1/me"] = "wrong_password"
    command = (*server.option, "delete-account", "--yes", "--password-stdin")
    assert run(*command, stdin="a phrase\n")[0] == ExitCode.NOT_SIGNED_IN
    assert (server.seen[-1][0], name in config.load(path).logins) == ("/v1/auth/logout", True)
    server.refused.clear()
    status, said = run(*command, stdin="a phrase\n")
    assert (status, server.seen[-1]) == (0, ("/v1/me", {"password": "a phrase"}, "of /v1/auth/login")), said
    assert name not in config.load(path).logins
    status, shown = at_a_terminal(*server.option, "delete-account", EMAIL, answer=b"yes\n")
    assert (status, "[not_confirmed]" in shown) == (ExitCode.FAILED, True)
    assert server.seen[-1][0] == "/v1/me"


def test_verify_wants_a_token_or_an_address(server: Gateway) -> None:
    for arguments in ((), ("T", "--resend", EMAIL)):
        assert run(*server.option, "verify", *arguments)[0] == ExitCode.USAGE
    assert server.seen == []


def test_a_password_that_is_needed_is_asked_for_where_somebody_sits(server: Gateway) -> None:
    server.contested = True
    status, said = run(*server.option, "verify", "T")
    assert (status, "[no_terminal]" in said, len(server.seen)) == (ExitCode.USAGE, True, 1)
    status, said = run(*server.option, "verify", "T", "--password-stdin", stdin="a wrong one\n")
    assert (status, "[password_needed]" in said, len(server.seen)) == (ExitCode.REFUSED, True, 2)
