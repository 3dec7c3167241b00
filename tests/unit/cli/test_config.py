"""The configuration file, and how a command finds its server and key."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tseeder_cli import config
from tseeder_cli.config import Config, Login
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.local import default_state, nearest_state
from tseeder_cli.target import find_target, signed_in


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home, and a working folder without a stack."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("TSEEDER_API_KEY", "TSEEDER_STATE"):
        monkeypatch.delenv(name, raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


def stack_runs(folder: Path, url: str, *, pid: int | None = None, status: str = "running") -> Path:
    """A state folder as a launcher leaves it while it runs."""
    state = folder / ".tseeder"
    state.mkdir(exist_ok=True)
    said = {"status": status, "launcher_pid": pid or os.getpid(), "urls": {"gateway": url}, "secrets": "/s"}
    (state / "stack.json").write_text(json.dumps(said))
    return state


def test_what_is_saved_is_loaded_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    login = Login("https://a.example", 'k"\\\n\x7fé', "me@example.org", "id")
    saved = Config().with_login("https://a.example", login, current=True)
    config.save(path, saved)
    assert config.load(path) == saved
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["config.toml"]
    assert 'k"' not in repr(saved)


def test_forgetting_a_server_keeps_the_others() -> None:
    known = Config()
    for name in ("a", "b"):
        known = known.with_login(name, Login(f"https://{name}", "key"), current=True)
    left = known.without("b")
    assert left == Config("b", {"a": Login("https://a", "key")})


def test_after_a_logout_its_server_is_still_meant() -> None:
    known = Config().with_login("https://a.example", Login("https://a.example", "key"), current=True)
    config.save(config.config_path(), known.without("https://a.example"))
    with pytest.raises(CliError) as caught:
        signed_in(find_target())
    assert (caught.value.message, caught.value.code) == ("not signed in to https://a.example", "not_signed_in")


def test_a_stack_elsewhere_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = Path.cwd() / "elsewhere"
    elsewhere.mkdir()
    state = stack_runs(elsewhere, "http://127.0.0.1:1111")
    monkeypatch.setenv("TSEEDER_STATE", str(state))
    with pytest.raises(CliError) as caught:
        signed_in(find_target())
    assert caught.value.message == "not signed in to http://127.0.0.1:1111"
    (state / "stack.json").write_text('{"status": "stopped"}')
    with pytest.raises(CliError) as caught:
        find_target()
    assert caught.value.code == "stack_stopped"
    assert str(state) in caught.value.hint


def test_a_broken_file_is_an_error_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("servers = 3\n")
    with pytest.raises(CliError) as caught:
        config.load(path)
    assert caught.value.code == "bad_config"


def test_without_anything_there_is_no_server() -> None:
    with pytest.raises(CliError) as caught:
        find_target()
    assert caught.value.code == "no_server"


def test_the_last_login_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    login = Login("https://a.example", "from-config")
    config.save(config.config_path(), Config().with_login("https://a.example", login, current=True))
    assert find_target().api_key == "from-config"
    monkeypatch.setenv("TSEEDER_API_KEY", "from-env")
    assert find_target().api_key == "from-env"
    assert find_target("b.example/").url == "https://b.example"


def test_a_stack_of_somebody_else_above_is_not_believed() -> None:
    """As in /tmp: it would be told the key."""
    above, here = Path.cwd(), Path.cwd() / "below"
    state = stack_runs(above, "http://127.0.0.1:1111")
    here.mkdir()
    os.chdir(here)
    assert nearest_state() == state
    assert nearest_state(os.geteuid() + 1) == here / ".tseeder"


def test_a_running_stack_here_or_above_comes_first_and_keeps_its_key_when_its_port_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = stack_runs(Path.cwd(), "http://127.0.0.1:1111")
    target = find_target()
    assert (target.url, target.local is not None) == ("http://127.0.0.1:1111", True)
    login = Login(target.url, "kept")
    config.save(config.config_path(), Config().with_login(target.server, login, current=True))
    stack_runs(Path.cwd(), "http://127.0.0.1:2222")
    below = Path.cwd() / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert default_state() == state
    assert (find_target().url, find_target().api_key) == ("http://127.0.0.1:2222", "kept")
    assert find_target("http://127.0.0.1:2222").api_key == "kept"
    monkeypatch.chdir("/")
    assert (find_target().url, find_target().api_key) == ("http://127.0.0.1:2222", "kept")
    (state / "stack.json").write_text('{"status": "stopped"}')
    with pytest.raises(CliError) as caught:
        find_target()
    assert (caught.value.code, caught.value.exit_code) == ("stack_stopped", ExitCode.UNAVAILABLE)


def test_right_after_a_demo_its_account_is_used() -> None:
    state = stack_runs(Path.cwd(), "http://127.0.0.1:1111")
    (state / "demo").mkdir()
    (state / "demo" / "account.json").write_text(json.dumps({"email": "d", "password": "p", "api_key": "demo-key"}))
    target = find_target()
    assert (target.api_key, target.demo_email) == ("demo-key", "d")
    config.save(config.config_path(), Config().with_login(target.server, Login(target.url, "own"), current=True))
    assert (find_target().api_key, find_target().demo_email) == ("own", "")


@pytest.mark.parametrize(("status", "code"), [("starting", "stack_starting"), ("stopped", "no_server")])
def test_a_stack_that_is_not_up_is_none(status: str, code: str) -> None:
    stack_runs(Path.cwd(), "http://127.0.0.1:1111", status=status)
    with pytest.raises(CliError) as caught:
        find_target()
    assert caught.value.code == code


def test_a_stack_whose_launcher_was_killed_is_none() -> None:
    stack_runs(Path.cwd(), "http://127.0.0.1:1111", pid=2**22 + 1)  # above the largest pid of Linux
    with pytest.raises(CliError):
        find_target()


def test_without_a_key_the_way_to_one_is_told() -> None:
    stack_runs(Path.cwd(), "http://127.0.0.1:1111")
    with pytest.raises(CliError) as caught:
        signed_in(find_target())
    assert caught.value.exit_code == ExitCode.NOT_SIGNED_IN
    assert "tseeder login" in caught.value.hint
    assert "admin bootstrap" in caught.value.hint


@pytest.mark.parametrize("url", ["ftp://x", "http://", "https://:80"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(CliError) as caught:
        find_target(url)
    assert caught.value.code == "bad_url"
