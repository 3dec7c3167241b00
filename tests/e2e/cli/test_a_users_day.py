"""The `tseeder` command with everything real: `tseeder up`, a first admin, jobs, downloads, a second user, the end.

The tests build on each other, in the order of the file, as a user's day does: one stack serves them all.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyotp import TOTP

from tests.e2e.cli.computer import Computer, mailed, running_up
from tests.unit.cli.terminals import at_a_terminal
from tseeder_cli import config
from tseeder_cli.client import Client
from tseeder_cli.target import Target
from tseeder_cli.verbs import own_session, security

PASSWORD = "correct horse battery staple"
ADMIN = "admin@example.org"
USER = "ann@example.org"
EVE = "eve@example.org"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that Postgres' OS user can reach."""
    with tempfile.TemporaryDirectory(prefix="tseeder-cli-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def computer(folder: Path) -> Computer:
    return Computer(folder, folder / ".tseeder")


@pytest.fixture(scope="module")
def up(computer: Computer) -> Iterator[subprocess.Popen[str]]:
    with running_up(computer) as process:
        yield process


@pytest.fixture(scope="module")
def swarm(folder: Path) -> Iterator[dict[str, Any]]:
    """A sample of 6 MiB in seven files, seeded on loopback."""
    command = [sys.executable, "-m", "tseeder_testkit.demo_swarm", "--dir", str(folder / "swarm"), "--mib", "6"]
    command += ["--seed", str(secrets.randbelow(1 << 40))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()


@pytest.fixture(autouse=True)
def _stack_runs(up: subprocess.Popen[str]) -> None:
    """All tests here have the stack."""
    assert up.poll() is None


def test_the_console_says_what_to_do_and_warns_of_nothing_usual(computer: Computer) -> None:
    said = "".join(computer.console)
    assert "admin bootstrap     (in another terminal, once" in said
    assert f"mail          lands in {computer.state}/mail/new" in said
    assert "heartbeat" not in said  # jobs may start later than an agent
    assert "exc_type" not in said


def test_a_second_up_is_refused_and_says_where_the_first_is(computer: Computer) -> None:
    refused = computer.run("up", "--state", str(computer.state))
    assert refused.status == 5
    assert "[already_running]" in refused.errors
    assert "http://127.0.0.1:" in refused.errors


def test_without_an_account_it_says_so_wherever_the_stack_is(computer: Computer, folder: Path) -> None:
    assert "not signed in to http://127.0.0.1:" in computer.run("ls").errors
    away = Computer(folder / "away", computer.state)
    away.folder.mkdir()
    assert "no_server" in Computer(Path("/"), computer.state).run("ls").errors
    named = away.run("ls", env={"TSEEDER_STATE": str(computer.state)})
    assert (named.status, "not signed in to http://127.0.0.1:" in named.errors) == (3, True)


def test_the_demos_user_is_an_ordinary_one_and_nobody_is_it_unawares(computer: Computer) -> None:
    done = computer.run("demo", "--once", "--mib", "8", "--state", str(computer.state))
    assert done.status == 0, done.errors
    assert "verified" in done.out
    assert "a stack runs already" in done.errors
    listed = computer.run("ls")
    assert "completed" in listed.out
    assert "as the demo's user, demo@tseeder.example" in listed.errors
    assert computer.json("whoami")["role"] == "user"
    operating = computer.run("admin", "agents")
    assert operating.status == 3
    assert "only operators may do this" in operating.errors, operating.errors
    out = computer.run("logout")
    assert (out.status, "demo@tseeder.example" in out.errors) == (3, True)
    again = computer.run("add", str(computer.state / "demo" / "sample.torrent"), "--watch")
    assert (again.status, "you have this torrent already" in again.errors) == (0, True)


def test_the_first_admin_is_made_once(computer: Computer) -> None:
    made = computer.run("admin", "bootstrap", "--email", ADMIN, "--password-stdin", stdin=PASSWORD)
    assert made.status == 0, made.errors
    config = computer.folder / "config" / "tseeder" / "config.toml"
    assert config.stat().st_mode & 0o777 == 0o600
    again = computer.run("admin", "bootstrap", "--email", "b@example.org", "--password-stdin", stdin=PASSWORD)
    assert again.status == 5
    assert "admin_exists" in again.errors
    assert computer.json("whoami")["email"] == ADMIN
    assert "demo" not in computer.run("ls").errors  # who has signed in is that one
    key = computer.run("key").out.strip()
    assert computer.run("ls", env={"TSEEDER_API_KEY": key}).status == 0


def test_an_admin_whom_an_earlier_demo_made_is_named(computer: Computer) -> None:
    """Demos of before made their user the first admin."""
    path = computer.state / "demo" / "account.json"
    ordinary = path.read_text()
    path.write_text(json.dumps({"email": ADMIN, "password": PASSWORD, "api_key": computer.run("key").out.strip()}))
    refused = computer.run("admin", "bootstrap", "--email", "b@example.org", "--password-stdin", stdin=PASSWORD)
    path.write_text(ordinary)
    assert refused.status == 5
    assert f"{ADMIN}, whom an earlier demo made" in refused.errors
    assert str(path) in refused.errors


def test_a_torrent_is_watched_to_its_end(computer: Computer, swarm: dict[str, Any]) -> None:
    done = computer.run("add", swarm["torrent"], "--watch", "--name", "My film")
    assert done.status == 0, done.errors
    assert "completed" in done.errors
    listed = computer.json("ls")
    assert [(job["name"], job["state"]) for job in listed] == [("My film", "completed")]
    computer.jobs["film"] = listed[0]["job_id"]
    assert listed[0]["progress"] is None  # it moves no more
    assert computer.jobs["film"][:13] in computer.run("ls").out
    assert computer.json("ls", "--state", "failed") == []
    asked = computer.json("cached", swarm["torrent"], "ab" * 20, swarm["magnet"])
    assert [torrent["state"] for torrent in asked] == ["stored", "absent", "stored"]
    assert "stored" in computer.run("cached", swarm["magnet"]).out


def test_its_files_are_listed_and_downloaded(computer: Computer, swarm: dict[str, Any]) -> None:
    job = computer.jobs["film"]
    listed = computer.json("files", job[:13])
    expected = {file["path"]: (file["size"], file["sha256"]) for file in swarm["files"]}
    assert {"/".join(file["path"]): file["size_bytes"] for file in listed} == {
        path: size for path, (size, _) in expected.items()
    }
    done = computer.run("get", job, "-o", "film")
    assert done.status == 0, done.errors
    for path, (size, digest) in expected.items():
        data = (computer.folder / "film" / path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (size, digest)


def test_its_files_are_drawn_found_and_one_is_the_main_one(computer: Computer) -> None:
    job = computer.jobs["film"]
    files = computer.json("files", job)
    main = next(file for file in files if file["primary"])
    assert main["media_type"].startswith("video/")
    drawn = computer.run("files", job, "--tree").out
    assert all(file["path"][-1] in drawn for file in files)
    assert f"{len(files)} files" in drawn.splitlines()[0]
    assert [line.split("  ")[0].strip("│├└─ ") for line in drawn.splitlines() if "(primary)" in line] == [
        str(main["file_index"])
    ]
    other = next(file for file in files if not file["primary"])
    assert computer.json("primary", f"{job[:13]}:{other['file_index']}")["primary_file_id"] == other["file_id"]
    assert computer.json("primary", job)["primary_file_id"] == main["file_id"]
    assert [file["file_id"] for file in computer.json("find", other["path"][-1].upper())] == [other["file_id"]]
    found = computer.run("find", "--type", "video", "--min", "1K")
    assert f"{job[:13]}:{main['file_index']}" in found.out
    assert computer.run("find", "--min", "10G").errors.strip() == "no such files"
    assert (computer.run("find", "--type", "films").status, computer.run("find", "--max", "x").status) == (2, 2)


def test_its_films_as_a_playlist(computer: Computer) -> None:
    job = computer.jobs["film"]
    shown = computer.run("playlist", job).out.splitlines()
    films = [file for file in computer.json("files", job) if file["media_type"].startswith(("video/", "audio/"))]
    assert [line.partition(",")[2] for line in shown if line.startswith("#EXTINF")] == [
        "/".join(file["path"]) for file in films
    ]
    computer.run("playlist", job, "-o", "films.m3u8")
    written = (computer.folder / "films.m3u8").read_text().splitlines()
    assert [line for line in written if line.startswith("#")] == [line for line in shown if line.startswith("#")]
    assert all("/v1/links/" in line for line in written if not line.startswith("#"))


def test_all_files_of_a_job_as_an_archive(computer: Computer) -> None:
    got = computer.json("zip", computer.jobs["film"][:13], "-o", "film.zip")
    assert got["path"] == "film.zip"
    files = computer.json("files", computer.jobs["film"])
    with zipfile.ZipFile(computer.folder / "film.zip") as archive:
        assert archive.testzip() is None
        found = [(each.filename, each.file_size) for each in archive.infolist()]
    assert sorted(found) == sorted(("/".join(file["path"]), file["size_bytes"]) for file in files)


def test_a_file_goes_into_a_folder_that_is_named_with_a_slash(computer: Computer) -> None:
    files = computer.json("files", computer.jobs["film"])
    said = computer.run("files", computer.jobs["film"]).errors
    assert f"get {computer.jobs['film'][:13]}:{files[0]['file_index']}" in said
    small = min(files, key=lambda file: file["size_bytes"])
    job = computer.jobs["film"][:13]
    got = computer.json("get", f"{job}:{small['file_index']}", "-o", "new folder/")
    assert [item["path"] for item in got] == [f"new folder/{small['path'][-1]}"]
    assert (computer.folder / got[0]["path"]).stat().st_size == small["size_bytes"]
    wrong = computer.run("get", job, "--select", "77", "-o", "elsewhere")
    assert (wrong.status, "the torrent has no file 77" in wrong.errors) == (4, True)


def test_a_link_opens_a_file_to_whoever_has_it(computer: Computer) -> None:
    file = min(computer.json("files", computer.jobs["film"]), key=lambda file: file["size_bytes"])
    name = f"{computer.jobs['film'][:13]}:{file['file_index']}"
    made = computer.run("link", name, "--expires", "12h", "--downloads", "1", "--password-stdin", stdin=PASSWORD)
    assert made.status == 0, made.errors
    address = made.out.strip()
    right = httpx.BasicAuth("anybody", PASSWORD)
    assert httpx.get(address, trust_env=False).status_code == 401
    assert len(httpx.get(address, auth=right, trust_env=False).content) == file["size_bytes"]
    again = httpx.get(address, auth=right, trust_env=False)
    assert (again.status_code, again.json()["code"]) == (403, "link_spent")
    (listed,) = computer.json("links", file["file_id"])
    assert (listed["downloads"], listed["download_limit"], listed["has_password"]) == (1, 1, True)
    assert "1 of 1" in computer.run("links").out
    assert computer.run("unlink", address).status == 0
    assert computer.run("unlink", listed["link_id"]).status == 4
    assert httpx.get(address, trust_env=False).status_code == 404
    job = computer.run("link", computer.jobs["film"])
    assert (job.status, "[not_a_file]" in job.errors) == (2, True)


def test_what_has_completed_cannot_be_cancelled_and_is_not_deleted_unasked(computer: Computer) -> None:
    job = computer.jobs["film"]
    cancelled = computer.run("cancel", job)
    assert (cancelled.status, "completed already" in cancelled.errors) == (5, True)
    assert computer.run("rm", job).status == 2  # nobody sits there
    status, shown = at_a_terminal("rm", job, answer=b"\x03", ends=b"?", env=computer.env, cwd=computer.folder)
    assert (status, "interrupted" in shown) == (130, True)
    assert [listed["job_id"] for listed in computer.json("ls")] == [job]


def test_an_interrupted_download_goes_on(computer: Computer) -> None:
    """A `.part` as kill -9 leaves it: half of the bytes, and the note of whose they are."""
    job = computer.jobs["film"]
    file = max(computer.json("files", job), key=lambda file: file["size_bytes"])
    whole = computer.run("get", f"{job[:13]}:{file['file_index']}", "-o", "one.bin")
    assert whole.status == 0, whole.errors
    assert computer.run("get", file["file_id"], "-o", "one.bin").status == 1  # is there already
    data = (computer.folder / "one.bin").read_bytes()
    (computer.folder / "two.bin.part").write_bytes(data[: len(data) // 2])
    etag = asyncio.run(etag_of(computer, file["file_id"]))
    note = {"file_id": file["file_id"], "size_bytes": file["size_bytes"], "etag": etag}
    (computer.folder / "two.bin.part.json").write_text(json.dumps(note))
    done = computer.run("get", file["file_id"], "-o", "two.bin")
    assert done.status == 0, done.errors
    assert "continued at" in done.errors
    assert (computer.folder / "two.bin").read_bytes() == data


async def etag_of(computer: Computer, file_id: str) -> str:
    """The ETag that the gateway gives with a file's bytes."""
    known = config.load(computer.folder / "config" / "tseeder" / "config.toml")
    login = known.logins[known.current]
    async with Client(login.url, login.api_key) as client, client.content(file_id) as response:
        return str(response.headers["ETag"])


def test_a_selection_fetches_only_what_is_selected(computer: Computer, swarm: dict[str, Any]) -> None:
    done = computer.run("add", swarm["magnet"], "--select", "3,4", "--watch", "--json")
    assert done.status == 0, done.errors
    events = [json.loads(line) for line in done.out.splitlines()]
    job = events[0]["job_id"]
    assert events[-1]["event"] == "end"
    chosen = [file["file_index"] for file in computer.json("files", job) if file["selected"]]
    assert sorted(chosen) == [3, 4]
    assert computer.run("rm", job, "--yes").status == 0


def test_another_user_sees_nothing_of_it(computer: Computer, folder: Path) -> None:
    made = computer.run("admin", "create-user", USER, "--password-stdin", stdin=PASSWORD)
    assert made.status == 0, made.errors
    ann = Computer(folder / "ann", computer.state)
    ann.folder.mkdir()
    url = json.loads((computer.state / "stack.json").read_text())["urls"]["gateway"]
    signed_in = ann.run("--url", url, "login", "--email", USER, "--password-stdin", stdin=PASSWORD)
    assert signed_in.status == 0, signed_in.errors
    wrong = ann.run("login", url, "--email", USER, "--password-stdin", stdin="wrong password")
    assert wrong.status == 3
    assert ann.json("ls") == []
    assert ann.run("watch", computer.jobs["film"]).status == 4
    theirs = ann.run("get", computer.json("files", computer.jobs["film"])[0]["file_id"])
    assert (theirs.status, "no file and no job with this id" in theirs.errors) == (4, True)
    assert ann.run("get", computer.jobs["film"]).status == 4
    assert ann.run("admin", "agents").status == 3
    assert ann.run("logout").status == 0
    assert "as the demo's user" in ann.run("ls").errors


def test_somebody_makes_an_account_and_forgets_its_password(computer: Computer, folder: Path) -> None:
    eve = Computer(folder / "eve", computer.state)
    eve.folder.mkdir()
    server = ("--url", json.loads((computer.state / "stack.json").read_text())["urls"]["gateway"])
    words = ("--email", EVE, "--password-stdin")
    made = eve.run(*server, "register", EVE, "--accept-terms", "--password-stdin", stdin=PASSWORD)
    assert made.status == 0, made.errors
    early = eve.run(*server, "login", *words, stdin=PASSWORD)
    assert (early.status, "[email_unverified]" in early.errors) == (3, True)
    assert eve.run(*server, "verify", mailed(computer, 1)).status == 0
    assert eve.run(*server, "login", *words, stdin=PASSWORD).status == 0
    assert eve.json("whoami")["email"] == EVE
    assert eve.run(*server, "password", "reset", EVE).status == 0
    lines = f"{mailed(computer, 2)}\na new long phrase\n"
    reset = eve.run(*server, "password", "confirm", "--password-stdin", stdin=lines)
    assert reset.status == 0, reset.errors
    lines = f"a new long phrase\n{PASSWORD}\n"
    changed = eve.run(*server, "password", "change", EVE, "--password-stdin", stdin=lines)
    assert changed.status == 0, changed.errors
    assert eve.run(*server, "login", *words, stdin=PASSWORD).status == 0
    deleted = eve.run(*server, "delete-account", EVE, "--yes", "--password-stdin", stdin=PASSWORD)
    assert deleted.status == 0, deleted.errors
    assert eve.run(*server, "login", *words, stdin=PASSWORD).status == 3


def test_operators_see_agents_and_what_was_done(computer: Computer) -> None:
    agents = computer.json("admin", "agents")
    assert [agent["agent_id"] for agent in agents] == ["agent-1"]
    actions = [entry["action"] for entry in computer.json("admin", "audit")]
    assert "user.create" in actions
    assert computer.run("admin", "create-user", USER, "--password-stdin", stdin=PASSWORD).status == 5
    refused, made, *_ = (line for line in computer.run("admin", "audit").out.splitlines() if "user.create" in line)
    assert ADMIN in refused
    assert "(nobody)" in refused
    assert "refused: email_taken" in refused
    assert USER in made
    assert "agent-1" in computer.run("admin", "agents").out


def interrupted_watch(computer: Computer, job: str) -> int:
    """The exit status of `tseeder watch` after Ctrl-C."""
    command = [sys.executable, "-m", "tseeder_cli", "watch", job, "--json"]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, env=computer.env, cwd=computer.folder) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["event"] == "snapshot"
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert "the job goes on" in process.stderr.read()
        return process.wait(30)


def test_a_second_factor_and_where_one_is_signed_in(computer: Computer, capsys: pytest.CaptureFixture[str]) -> None:
    """The steps of `totp on` and `off`, whose questions need a terminal; commands' keys go on."""
    url = computer.json("whoami")["server"]
    target = Target(url, url)
    held = asyncio.run(own_session.sign_in(target, ADMIN, PASSWORD, ""))
    (session,) = [each for each in computer.json("sessions") if each["user_agent"].startswith("tseeder-cli/")]
    assert session["session_id"][:13] in computer.run("sessions").out
    asyncio.run(security.start_totp(held, PASSWORD))
    secret, uri = capsys.readouterr().out.split()
    assert secret in uri
    asyncio.run(security.confirm_totp(held, TOTP(secret).now()))
    codes = capsys.readouterr().out.split()
    assert len(codes) == 10
    assert computer.json("whoami")["second_factor"] is True
    asked = computer.run("login", url, "--email", ADMIN, "--password-stdin", stdin=PASSWORD)
    assert (asked.status, "has a second factor" in asked.errors) == (2, True)
    held = asyncio.run(own_session.sign_in(target, ADMIN, PASSWORD, codes[0]))
    asyncio.run(security.replace_recovery_codes(held, PASSWORD, codes[1]))
    codes = capsys.readouterr().out.split()
    held = asyncio.run(own_session.sign_in(target, ADMIN, PASSWORD, codes[0]))
    asyncio.run(security.disable_totp(held, PASSWORD, codes[1]))
    assert computer.json("whoami")["second_factor"] is False
    asyncio.run(own_session.sign_in(target, ADMIN, PASSWORD, ""))
    ended = computer.run("sessions", "end", "--all")
    assert (ended.status, "1 session ended" in ended.errors) == (0, True), ended.errors
    assert computer.json("sessions") == []
    told = computer.run("security").out
    assert [kind for kind in ("totp.confirmed", "totp.disabled", "recovery_code.used") if kind not in told] == []


def test_a_job_that_finds_no_peers_is_cancelled_and_deleted(computer: Computer) -> None:
    added = computer.run("add", "ab" * 20, "--name", "nowhere")
    assert added.status == 0, added.errors
    job = added.out.strip()
    assert interrupted_watch(computer, job) == 130
    assert [listed["state"] for listed in computer.json("ls") if listed["job_id"] == job] != ["cancelled"]
    assert computer.run("rename", job, "elsewhere").status == 0
    assert [listed["name"] for listed in computer.json("ls") if listed["job_id"] == job] == ["elsewhere"]
    told = computer.run("why", job)
    assert told.status == 0, told.errors
    assert computer.json("why", job)["message"] in told.out
    assert computer.run("cancel", job).status == 0
    assert computer.json("why", job)["verdict"] == "cancelled"
    watched = computer.run("watch", job)
    assert watched.status == 1
    assert "job_cancelled" in watched.errors or "cancelled" in watched.errors
    assert computer.run("rm", job, "--yes").status == 0
    assert computer.run("watch", job).status == 4


def test_bad_sources_are_refused_with_their_code(computer: Computer) -> None:
    (computer.folder / "page.torrent").write_text("<html>not found</html>")
    for source in ("page.torrent", "magnet:?dn=nothing"):
        refused = computer.run("add", source)
        assert refused.status == 5, refused.errors
        assert refused.errors.startswith("error: ")
        assert refused.errors.rstrip().endswith("]") or "[" in refused.errors


def test_ctrl_c_stops_everything(computer: Computer, up: subprocess.Popen[str]) -> None:
    pids = [program["pid"] for program in json.loads((computer.state / "stack.json").read_text())["programs"].values()]
    assert len(pids) > 5
    up.send_signal(signal.SIGINT)
    assert up.wait(60) == 0
    left = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert left == []
    assert "stack_stopped" in computer.run("ls").errors
