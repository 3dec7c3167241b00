"""The command line itself: help, errors, exit statuses. (With a real stack: tests/e2e/cli.)"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.cli.terminals import at_a_terminal
from tests.unit.cli.wires import JOB_ID
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.main import app
from tseeder_cli.verbs.jobs import read_source

COMMANDS = (
    *("up", "demo", "login", "logout", "add", "ls", "watch", "why", "pause", "resume", "retry", "cancel"),
    *(
        "whoami",
        "key",
        "sessions",
        "sessions end",
        "totp on",
        "totp off",
        "totp codes",
        "security",
        "register",
        "verify",
        "password reset",
        "password confirm",
        "password change",
        "delete-account",
        "cached",
        "rename",
        "priority",
        "rm",
        "usage",
        "files",
        "find",
        "primary",
        "get",
        "link",
        "links",
        "unlink",
        "zip",
        "playlist",
        "admin bootstrap",
        "admin create-user",
        "admin users",
        "admin users ls",
        "admin users role",
        "admin users suspend",
        "admin users reinstate",
        "admin users logout",
        "admin agents",
        "admin drain",
        "admin undrain",
        "admin dlq",
        "admin dlq show",
        "admin dlq replay",
        "admin storage",
        "admin storage cleanup",
        "admin audit",
    ),
)
HEAVY = ("httpx", "tseeder_stack", "tseeder_kit", "rich.progress")


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home, an empty folder, and no server in the environment."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("TSEEDER_URL", "TSEEDER_API_KEY", "TSEEDER_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, stdin: str = "") -> tuple[int, str]:
    """The exit status of `tseeder arguments...`, and all that it printed."""
    done = CliRunner().invoke(app, list(arguments), input=stdin)
    return done.exit_code, done.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_text(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert "Usage: " in result.output


def test_help_imports_nothing_that_is_slow() -> None:
    script = f"""
import sys
from tseeder_cli.main import app
try:
    app(["--help"])
except SystemExit:
    pass
print("LOADED", [name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_without_a_server_the_error_says_what_to_do() -> None:
    status, said = run("ls")
    assert status == ExitCode.USAGE
    assert "error: no server: nothing runs here, and there is no login [no_server]" in said
    assert "tseeder up" in said
    assert "Traceback" not in said


def test_without_a_key_the_error_says_what_to_do() -> None:
    status, said = run("--url", "https://a.example", "ls")
    assert status == ExitCode.NOT_SIGNED_IN
    assert "tseeder login https://a.example" in said


def test_a_wrong_state_is_refused_before_anything_is_asked() -> None:
    status, said = run("--url", "https://a.example", "ls", "--state", "running")
    assert status == ExitCode.USAGE
    assert "queued, resolving" in said


@pytest.mark.parametrize("time", ["7", "d", "-1d", "1.5h", "7w", "tomorrow"])
def test_a_time_that_is_none_is_refused_before_anything_is_asked(time: str) -> None:
    status, said = run("--url", "https://a.example", "link", JOB_ID, "--expires", time, "--password")
    assert status == ExitCode.USAGE
    assert "[bad_time]" in said


def test_a_password_is_not_asked_for_where_nobody_sits() -> None:
    status, said = run("login", "https://a.example", "--email", "me@example.org")
    assert status == ExitCode.USAGE
    assert "--password-stdin" in said


def test_a_role_and_an_address_are_checked_before_a_password_is_asked_for() -> None:
    for arguments, code in ((("ann@example.org", "--role", "king"), "bad_role"), (("bad",), "bad_email")):
        status, said = run("--url", "https://a.example", "admin", "create-user", *arguments)
        assert status == ExitCode.USAGE
        assert f"[{code}]" in said
        assert "assword" not in said


def test_nothing_is_deleted_where_nobody_can_be_asked() -> None:
    status, said = run("--url", "https://a.example", "rm", "0193a1b2", stdin="y\n")
    assert status == ExitCode.USAGE
    assert "nothing was done" in said
    assert "--yes" in said


@pytest.mark.parametrize(("key", "code", "word"), [(b"\x03", 130, "interrupted"), (b"\x04", 1, "not answered")])
def test_a_question_is_ended_by_ctrl_c_or_by_the_end_of_the_input(key: bytes, code: int, word: str) -> None:
    status, shown = at_a_terminal("login", "https://a.example", answer=key)
    assert (status, word in shown, "Traceback" in shown) == (code, True, False)


def test_ctrl_c_in_a_download_says_how_to_go_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-m", "tseeder_cli", "--url", url, "get", JOB_ID]
        env = {**os.environ, "TSEEDER_API_KEY": "key"}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as process:
            connection, _ = silent.accept()  # it waits for an answer from now on
            with connection:
                connection.recv(1)
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert said == "\nstopped; say the same again, and it goes on from here\n"


def test_a_first_admin_elsewhere_needs_a_token() -> None:
    status, said = run("--url", "https://a.example", "admin", "bootstrap")
    assert status == ExitCode.USAGE
    assert "token_needed" in said


def test_the_version() -> None:
    status, said = run("--version")
    assert status == 0
    assert said.startswith("tseeder 0.")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--torrent", "a.torrent", "--magnet", "magnet:?xt=1"), "usage"),
        (("--s3", "minio"), "usage"),
        (("--torrent", "nope.torrent"), "bad_source"),
        (("--torrent", "."), "bad_source"),
        (("--magnet", "foo"), "bad_source"),
        (("--magnet", "magnet:?dn=film"), "bad_source"),
    ],
)
def test_wrong_options_of_the_demo_start_nothing(options: tuple[str, ...], code: str, tmp_path: Path) -> None:
    status, said = run("demo", *options)
    assert status == ExitCode.USAGE
    assert f"[{code}]" in said
    assert not (tmp_path / ".tseeder").exists()


def test_sources_are_told_apart(tmp_path: Path) -> None:
    torrent = tmp_path / "a.torrent"
    torrent.write_bytes(b"d4:infodee")
    assert read_source(str(torrent)).torrent == b"d4:infodee"
    assert read_source("magnet:?xt=urn:btih:1").magnet == "magnet:?xt=urn:btih:1"
    assert read_source("MAGNET:?xt=1").magnet == "MAGNET:?xt=1"
    for wrong in ("", "  ", str(tmp_path)):
        with pytest.raises(CliError) as caught:
            read_source(wrong)
        assert "empty" in caught.value.message or "is a folder" in caught.value.message
    for info_hash in ("ab" * 20, "AB" * 32, "A2" * 16):
        assert read_source(info_hash).info_hash == info_hash


@pytest.mark.parametrize(
    ("name", "code"), [("missing.torrent", "bad_source"), ("empty.torrent", "torrent_empty"), ("folder", "bad_source")]
)
def test_what_is_no_source_is_told(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "empty.torrent").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(CliError) as caught:
        read_source(str(tmp_path / name))
    assert caught.value.code == code


def test_a_film_is_not_uploaded_for_a_torrent(tmp_path: Path) -> None:
    with (tmp_path / "film.mkv").open("wb") as film:
        film.truncate(1 << 30)
    with pytest.raises(CliError) as caught:
        read_source(str(tmp_path / "film.mkv"))
    assert caught.value.code == "torrent_too_large"


def test_a_stack_of_somebody_else_gives_no_token(tmp_path: Path) -> None:
    state = tmp_path / ".tseeder"
    state.mkdir()
    said = {"status": "running", "launcher_pid": 1, "urls": {"gateway": "http://127.0.0.1:9"}, "secrets": "/nowhere"}
    (state / "stack.json").write_text(json.dumps(said))
    status, told = run("admin", "bootstrap", "--email", "a@example.org", "--password-stdin", stdin="pw\n")
    assert status == ExitCode.FAILED
    assert "no_stack_secrets" in told


@pytest.mark.parametrize("command", [("priority", JOB_ID, "urgent"), ("add", "ab" * 20, "--priority", "urgent")])
def test_a_priority_that_there_is_not_is_refused_before_anybody_is_asked(command: tuple[str, ...]) -> None:
    status, output = run(*command)
    assert status == ExitCode.USAGE
    assert "low, normal, high" in output
