"""Somebody's computer, on which `tseeder` is used."""

from __future__ import annotations

import contextlib
import email
import json
import mailbox
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.looking import pauses
from tseeder_cli.main import app
from tseeder_stack.run_once import prelude


@dataclass
class Computer:
    """A home folder and a working folder of somebody who uses `tseeder`.

    `jobs` holds ids by name, `console` what `up` has said.
    """

    folder: Path
    state: Path
    jobs: dict[str, str] = field(default_factory=dict)
    console: list[str] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TSEEDER_")}
        return {**kept, "XDG_CONFIG_HOME": str(self.folder / "config"), "NO_COLOR": "1"}

    def run(self, *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Done:
        """Run `tseeder arguments...`, in this process: that is quicker by half a second."""
        foreign = {name: None for name in os.environ if name.startswith("TSEEDER_")}
        with contextlib.chdir(self.folder):
            done = CliRunner().invoke(app, list(arguments), input=stdin, env={**foreign, **self.env, **(env or {})})
        return Done(done.exit_code, done.stdout, done.stderr)

    def json(self, *arguments: str) -> Any:
        """What `tseeder arguments... --json` prints."""
        done = self.run(*arguments, "--json")
        assert done.status == 0, done.errors
        return json.loads(done.out)


@dataclass
class Done:
    """How a command ended, and what it printed."""

    status: int
    out: str
    errors: str


@contextmanager
def running_up(computer: Computer) -> Iterator[subprocess.Popen[str]]:
    """`tseeder up`, ready. Leaving ends it, if it still runs; so does the end of the tests, however that comes."""
    command = [
        *prelude(None, signal.SIGTERM),
        sys.executable,
        "-m",
        "tseeder_cli",
        "up",
        "--state",
        str(computer.state),
        "--s3",
        "rclone",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=computer.env, cwd=computer.folder) as process:
        assert process.stderr is not None
        said = computer.console
        for line in process.stderr:
            said.append(line)
            if "stop          Ctrl-C" in line:
                break
        else:
            pytest.fail("tseeder up did not start:\n" + "".join(said[-40:]))
        rest = threading.Thread(target=process.stderr.read, daemon=True)
        rest.start()
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            rest.join(10)


def mailed(computer: Computer, number: int) -> str:
    """The token in the `number`th mail that the stack's own mail server has kept, once it is there."""
    box = mailbox.Maildir(computer.state / "mail", create=False)
    deadline = time.monotonic() + 20
    for pause in pauses():
        if len(box) >= number or time.monotonic() > deadline:
            break
        time.sleep(pause)
    mails = sorted((email.message_from_bytes(box.get_bytes(key)) for key in box.iterkeys()), key=_age)
    part = next(each for each in mails[number - 1].walk() if each.get_content_type() == "text/plain")
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    text = content.decode()
    return next(line for line in text.splitlines() if re.fullmatch(r"[A-Za-z0-9_-]{43}", line))


def _age(mail: Message) -> str:
    """Message-IDs are made of ids that sort by time."""
    return str(mail["Message-ID"])
