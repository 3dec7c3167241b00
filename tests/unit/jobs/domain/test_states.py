"""One table of states and moves: the wire's enums and the schema's CHECKs are equal to it."""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import product
from pathlib import Path

import pytest

from tseeder.jobs.v1 import agents_pb2, model_pb2
from tseeder_jobs.domain.agent_calls import CompleteVerdict, WriteVerdict
from tseeder_jobs.domain.states import (
    JOB_ENDED,
    JOB_LIVE,
    JOB_MOVES,
    JOB_WANTING,
    TRANSFER_ENDED,
    TRANSFER_LIVE,
    TRANSFER_MOVES,
    TRANSFER_RUNNING,
    FileState,
    JobState,
    TransferState,
    job_state_under,
)
from tseeder_pg import migrations_dir

T, J = TransferState, JobState


def schema() -> str:
    """All migrations of jobs, without comments."""
    files = sorted(Path(migrations_dir("tseeder_jobs")).glob("*.sql"))
    return re.sub(r"--[^\n]*", "", "\n".join(file.read_text() for file in files))


def table(name: str) -> str:
    """What stands between the parentheses of a CREATE TABLE."""
    found = re.search(rf"CREATE TABLE {name} \((.*?)\n\);", schema(), re.DOTALL)
    assert found is not None
    return found[1]


def states_of(text: str) -> set[str]:
    """The words of an IN list."""
    return set(re.findall(r"'([a-z]+)'", text))


def column_check(table_name: str, column: str = "state") -> set[str]:
    """The values that a column's own CHECK admits."""
    found = re.search(rf"^\s+{column}\s+text[^\n]*CHECK \({column} IN\s*\(([^)]*)\)", table(table_name), re.MULTILINE)
    assert found is not None
    return states_of(found[1])


@pytest.mark.parametrize(
    ("states", "wire", "prefix"),
    [
        (JobState, model_pb2.JobState, "JOB_STATE_"),
        (TransferState, model_pb2.TransferState, "TRANSFER_STATE_"),
        (FileState, model_pb2.FileState, "FILE_STATE_"),
        (WriteVerdict, agents_pb2.WriteVerdict, "WRITE_VERDICT_"),
        (CompleteVerdict, agents_pb2.CompleteVerdict, "COMPLETE_VERDICT_"),
    ],
)
def test_the_wire_has_the_same_values(states: type[StrEnum], wire: type[model_pb2.JobState], prefix: str) -> None:
    names = {name.removeprefix(prefix).lower() for name in wire.keys()}  # noqa: SIM118 - an enum wrapper is no mapping
    assert names == {state.value for state in states} | {"unspecified"}
    assert wire.Value(f"{prefix}UNSPECIFIED") == 0


@pytest.mark.parametrize(("table_name", "states"), [("jobs", J), ("transfers", T), ("files", FileState)])
def test_the_schema_has_the_same_values(table_name: str, states: type[StrEnum]) -> None:
    assert column_check(table_name) == {state.value for state in states}


def test_the_schema_agrees_on_what_has_ended() -> None:
    ended = re.search(r"\(finished_at IS NOT NULL\) = \(state IN \(([^)]*)\)", table("jobs"))
    assert ended is not None
    assert states_of(ended[1]) == JOB_ENDED
    ended = re.search(r"\(ended_at IS NOT NULL\) = \(state IN \(([^)]*)\)", table("transfers"))
    assert ended is not None
    assert states_of(ended[1]) == TRANSFER_ENDED


def test_the_schema_agrees_on_what_lives_and_runs() -> None:
    live = re.search(r"INDEX transfers_one_live[^;]*state IN \(([^)]*)\)", schema())
    assert live is not None
    assert states_of(live[1]) == TRANSFER_LIVE
    running = re.search(r"INDEX transfers_running[^;]*state IN \(([^)]*)\)", schema())
    assert running is not None
    assert states_of(running[1]) == TRANSFER_RUNNING
    assert column_check("leases", "state_before") == TRANSFER_RUNNING


TRANSFER_LEGAL = {
    T.QUEUED: "resolving downloading storing stored failed cancelled parked",
    T.RESOLVING: "queued downloading stored failed cancelled parked",
    T.DOWNLOADING: "queued storing stored failed cancelled parked",
    T.STORING: "queued downloading stored failed cancelled parked",
    T.PARKED: "queued stored failed cancelled",
    T.STORED: "",
    T.FAILED: "",
    T.CANCELLED: "",
}
LIVE_JOB = "queued resolving downloading storing paused"
JOB_LEGAL = {
    **dict.fromkeys(JOB_LIVE, f"{LIVE_JOB} completed failed cancelled"),
    J.COMPLETED: "queued resolving downloading storing expired failed",
    J.FAILED: "queued resolving downloading storing completed",
    J.CANCELLED: "queued resolving downloading storing completed",
    J.EXPIRED: "queued resolving downloading storing completed",
}


@pytest.mark.parametrize(("old", "new"), list(product(T, T)))
def test_transfer_moves(old: TransferState, new: TransferState) -> None:
    assert (new in TRANSFER_MOVES[old]) == (new in TRANSFER_LEGAL[old].split())


@pytest.mark.parametrize(("old", "new"), list(product(J, J)))
def test_job_moves(old: JobState, new: JobState) -> None:
    assert (new in JOB_MOVES[old]) == (new is not old and new in JOB_LEGAL[old].split())


def test_a_transfer_that_ended_stays_so() -> None:
    assert all(not TRANSFER_MOVES[state] for state in TRANSFER_ENDED)
    assert set(T) == TRANSFER_LIVE | TRANSFER_ENDED


def test_what_an_unpaused_job_shows_is_live_and_wanting() -> None:
    shown = {state: job_state_under(state) for state in T}
    assert set(shown.values()) <= JOB_WANTING
    assert {state: value for state, value in shown.items() if state in TRANSFER_RUNNING} == {
        T.RESOLVING: J.RESOLVING,
        T.DOWNLOADING: J.DOWNLOADING,
        T.STORING: J.STORING,
    }
