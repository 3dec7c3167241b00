"""The launcher's parts that need no program."""

from __future__ import annotations

import io
import json
import socket
import stat
from pathlib import Path

import pytest

from tseeder_stack import provision
from tseeder_stack.console import Console, readable
from tseeder_stack.errors import AlreadyRunningError, StackError
from tseeder_stack.owners import Owner, can_enter, reachable_copy
from tseeder_stack.ports import Ports, is_free
from tseeder_stack.rclone import auth_keys
from tseeder_stack.s3 import S3Keys
from tseeder_stack.secrets import Secrets
from tseeder_stack.state import StateFile, locked

STRANGER = Owner("stranger", 54321, 54321)


def test_a_json_log_line_is_shown_for_people() -> None:
    line = '{"ts": "2026-11-20T10:00:00Z", "level": "warning", "service": "jobs", "event": "lease lost", "epoch": 3}'
    assert readable(line) == "WARNING lease lost epoch=3"


def test_an_exception_is_shown_in_short() -> None:
    raised = {"exc_type": "AppError", "exc_value": "jobs is\naway", "frames": [{"filename": "a.py"}] * 20}
    line = {"level": "warning", "event": "heartbeat_failing", "exception": [raised]}
    assert readable(json.dumps(line)) == "WARNING heartbeat_failing exception=AppError: jobs is away"
    line["exception"] = "Traceback ...\n  File ...\nValueError: " + "x" * 1000
    assert readable(json.dumps(line)).startswith("WARNING heartbeat_failing exception=ValueError: xxx")
    assert len(readable(json.dumps(line))) < 300


@pytest.mark.parametrize("line", ["plain words", "{not json", '{"no": "event"}', "[1]", ""])
def test_other_lines_are_shown_as_they_are(line: str) -> None:
    assert readable(line) == line


def test_no_colour_where_there_is_no_terminal() -> None:
    shown = io.StringIO()
    console = Console(shown)
    console.line("jobs", "hello")
    console.notice("jobs died")
    assert shown.getvalue() == "jobs     | hello\nstack    | jobs died\n"


def test_a_quiet_console_shows_what_the_launcher_says_only() -> None:
    shown = io.StringIO()
    console = Console(shown, programs=False)
    console.line("jobs", "hello")
    console.notice("jobs died")
    assert shown.getvalue() == "stack    | jobs died\n"


def test_ports_of_the_last_run_are_taken_again_unless_somebody_has_them() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        before = Ports()
        first = before.pick("gateway")
        before.close()
        ports = Ports({"gateway": first, "nats": taken, "jobs": first})
        assert ports.pick("gateway") == first
        assert ports.pick("nats") != taken
        assert ports.pick("jobs") != first  # given to the gateway already
        assert ports.pick("auth", wanted=4567) == 4567
        assert is_free(first)
        with pytest.raises(StackError, match=f"port {taken}, wanted for admin, is taken"):
            ports.pick("admin", wanted=taken)
        assert not is_free(taken)
        ports.close()


def test_a_port_that_another_launcher_chose_is_not_chosen_before_its_server_listens() -> None:
    one = Ports()
    port = one.pick("billing")
    assert is_free(port)
    other = Ports({"billing": port})
    assert other.pick("billing") != port
    with pytest.raises(StackError, match=f"port {port}, wanted for jobs, is taken"):
        other.pick("jobs", wanted=port)
    one.close()
    assert other.pick("auth", wanted=port) == port
    other.close()


def test_secrets_are_made_once_and_are_private(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets")
    password = secrets.text("password")
    assert len(password) == 48
    assert Secrets(tmp_path / "secrets").text("password") == password
    assert secrets.text("other") != password
    assert b"PRIVATE KEY" in secrets.identity_private_key().read_bytes()
    assert b"PUBLIC KEY" in secrets.identity_public_keys().read_bytes()
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "secrets").iterdir()} == {0o600}


def test_a_second_launcher_is_refused(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(AlreadyRunningError, match=r"runs on .* already \(launcher's pid \d+\)"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):
        pass


def test_a_torn_state_file_is_no_obstacle(tmp_path: Path) -> None:
    file = StateFile(tmp_path)
    assert file.read() == {}
    file.path.write_text('{"ports": {"gat')
    assert file.read() == {}
    file.write({"status": "running"})
    assert file.read() == {"status": "running"}


def test_a_folder_below_a_private_one_cannot_be_entered(tmp_path: Path) -> None:
    home = tmp_path / "home"
    inside = home / "clone"
    inside.mkdir(parents=True)
    home.chmod(0o700)
    assert not can_enter(inside, STRANGER)


def test_binaries_that_the_user_cannot_reach_are_copied_once(tmp_path: Path) -> None:
    system = tmp_path / "system"
    source = tmp_path / "home" / "package"
    (source / "bin").mkdir(parents=True)
    (source / "bin" / "program").write_text("1")
    (source / "share").mkdir()
    (source / "share" / "data").write_text("2")
    (tmp_path / "home").chmod(0o700)
    parts = ("bin/program", "share")

    assert reachable_copy(source, "package-1", parts, None, system) == source
    copy = reachable_copy(source, "package-1", parts, STRANGER, system)
    assert copy == system / "package-1"
    assert (copy / "bin" / "program").read_text() == "1"
    assert (copy / "share" / "data").read_text() == "2"
    assert reachable_copy(source, "package-1", parts, STRANGER, system) == copy
    assert [path.name for path in system.iterdir()] == ["package-1"]  # nothing half-made is left
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_a_url_gets_another_user_and_database() -> None:
    url = "postgresql://admin:a%2Fb@db.example:6432/postgres?sslmode=require"
    urls = provision.service_urls(url, "tseeder", {"jobs": "p@ss"})
    assert urls == {"jobs": "postgresql://tseeder_jobs:p%40ss@db.example:6432/tseeder?sslmode=require"}
    assert provision.database_of(url) == "postgres"
    assert provision.database_of(None) == ""


def test_rclone_gets_its_keys_as_csv() -> None:
    assert auth_keys((S3Keys("a", "1"), S3Keys("b", "2"))) == '"a,1","b,2"'
