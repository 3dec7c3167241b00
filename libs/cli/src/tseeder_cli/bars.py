"""The moving bars of watch and get; plain lines where stderr is no terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from tseeder_cli.names import printable
from tseeder_cli.screen import clock, counted, err, of, percent, say, size
from tseeder_cli.wire import Job
from tseeder_cli.wire import Progress as JobProgress

PLAIN_INTERVAL_SECONDS = 2.0
WIDE_COLUMNS = 110  # below, bars are short, so that rate, peers and ETA fit into 80 columns beside them
_WORDS = {"queued": "waiting for an agent", "resolving": "asking peers for the metadata"}


class _Facts(ProgressColumn):
    """The text that the task carries in its field `facts`."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("facts", "")), style="cyan")


def _is_wide() -> bool:
    return err().width >= WIDE_COLUMNS


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description:<8}", markup=False),
        BarColumn(bar_width=32 if _is_wide() else 10),
        TextColumn("{task.percentage:>3.0f} %", markup=False),
        _Facts(),
    )
    return Progress(*columns, console=err(), refresh_per_second=8, transient=False)


class SteadyEta:
    """The agent's guesses as a clock that does not jump: told from the third on, and followed by a part at a time."""

    FIRST = 3
    SHARE = 0.3

    def __init__(self) -> None:
        self._guesses = 0
        self._seconds = 0.0

    def told(self, guess: int | None) -> int | None:
        """What to show after one more guess, a second after the one before; None: nothing yet."""
        if guess is None:
            self._guesses = 0
            return None
        self._guesses += 1
        if self._guesses <= self.FIRST:  # rates begin at nothing
            self._seconds = float(guess)
        else:
            self._seconds += self.SHARE * (guess - (self._seconds - 1.0)) - 1.0
        return max(round(self._seconds), 0) if self._guesses >= self.FIRST else None


class JobBars:
    """A job's life: one bar for what came from the swarm, one for what is in the object store.

    Feed it `job` and `progress`; use it as a context manager. `silent`: it shows nothing.
    """

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent
        self._live = err().is_terminal and not silent
        self._bars = _progress()
        self._down: TaskID | None = None
        self._up: TaskID | None = None
        self._state = ""
        self._said_at = 0.0
        self._job: Job | None = None
        self._eta = SteadyEta()

    def __enter__(self) -> Self:
        if self._live:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._bars.stop()

    def job(self, job: Job) -> None:
        """The job as it is now."""
        before, self._job = self._state, job
        self._state = job["state"]
        reason = job["reason"]
        if job["state"] != before:
            self._line(_told(job))
        elif reason and job["state"] not in ("completed", "cancelled"):
            self._line(f"{job['state']}: {reason['message']} [{reason['code']}]", seldom=True)
        if job["metadata_known"] and job["state"] == "completed":
            whole = size(job["wanted_bytes"])
            self._show(job["wanted_bytes"], job["wanted_bytes"], job["wanted_bytes"], whole, f"{whole} stored")

    def progress(self, progress: JobProgress) -> None:
        """Bytes and rates from the agent."""
        wanted = progress["wanted_bytes"]
        if not wanted:
            return
        down, up = progress["downloaded_bytes"], progress["uploaded_bytes"]
        facts = [of(down, wanted), f"{size(progress['download_rate'])}/s"]
        peers = progress["peers"]
        seeds = f" ({counted(progress['seeds'], 'seed')})" if _is_wide() else ""
        facts.append(f"{counted(peers, 'peer')}{seeds}")
        eta = self._eta.told(progress["eta_seconds"])
        if eta is not None and down < wanted:
            facts.append(f"ETA {clock(eta)}")
        stored = f"{size(up)} uploaded  {size(progress['upload_rate'])}/s"
        self._show(wanted, down, up, "  ".join(facts), stored)
        if not self._live:
            self._line(f"{percent(down, wanted):>5}  {'  '.join(facts)}  {stored}", seldom=True)

    def _show(self, wanted: int, down: int, up: int, facts: str, stored: str) -> None:
        if self._down is None or self._up is None:
            self._down = self._bars.add_task("fetched", total=wanted)
            self._up = self._bars.add_task("stored", total=wanted)
        total = max(wanted, 1)
        done = wanted == 0
        self._bars.update(self._down, total=total, completed=total if done else down, facts=facts)
        self._bars.update(self._up, total=total, completed=total if done else up, facts=stored)

    def _line(self, text: str, *, seldom: bool = False) -> None:
        """Say `text` above the bars; `seldom`: not more often than each 2 s."""
        now = time.monotonic()
        if self._silent or (seldom and now - self._said_at < PLAIN_INTERVAL_SECONDS):
            return
        if seldom:
            self._said_at = now
        if self._live:
            self._bars.console.print(Text(printable(text)))
        else:
            say(text)


def _told(job: Job) -> str:
    state = job["state"]
    words = _WORDS.get(state)
    text = f"{state}: {words}" if words else state
    if state == "queued" and job["priority"] != "normal":
        text += f", {job['priority']} priority"
    if state in ("downloading", "storing") and job["metadata_known"]:
        text += f": {counted(job['wanted_files'], 'file')}, {size(job['wanted_bytes'])}"
    if job["reason"] and state != "completed":
        text += f" - {job['reason']['message']} [{job['reason']['code']}]"
    return text


class ByteBar:
    """One bar for bytes that come over REST: a file, or all files of a job. Use it as a context manager."""

    def __init__(self, label: str, total: int) -> None:
        self._live = err().is_terminal
        self._bars = _progress()
        self._label = printable(label)
        self._total = total
        self._began = time.monotonic()
        self._first: int | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._live:
            self._bars.start()
            self._task = self._bars.add_task(self._label, total=max(self._total, 1), facts="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            if kind is None:
                self._bars.update(self._task, completed=max(self._total, 1))
            self._bars.stop()

    def at(self, count: int) -> None:
        """`count` bytes are there now."""
        if self._first is None:
            self._first = count
        if self._task is None:
            return
        passed = max(time.monotonic() - self._began, 0.001)
        rate = max(count - self._first, 0) / passed
        facts = f"{of(count, self._total)}  {size(rate)}/s"
        if rate > 0 and count < self._total:
            facts += f"  ETA {clock(int((self._total - count) / rate))}"
        self._bars.update(self._task, completed=count, facts=facts)
