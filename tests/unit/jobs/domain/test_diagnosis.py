"""Every verdict, from what leads to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tseeder_jobs.domain.diagnosis import BY_REASON, VERDICTS, Facts, Queue, TransferFacts, Verdict, diagnose
from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.domain.states import JobState, TransferState

NOW = datetime(2027, 1, 31, 12, tzinfo=UTC)
CHANGED, ENDED, REASONED, WAITS, RUNS, SEEN = (NOW - timedelta(minutes=number) for number in (1, 2, 3, 40, 5, 6))
TRANSFER = TransferFacts(TransferState.DOWNLOADING, None, REASONED, WAITS, RUNS, NOW - timedelta(hours=1))
MADE = NOW - timedelta(days=1)
JOB = Facts(NOW, JobState.DOWNLOADING, None, MADE, CHANGED, None, TRANSFER)
ROOM = Queue(
    own_running=1,
    running_limit=4,
    agents_alive=3,
    agents_open=2,
    agents_taking=1,
    agents_roomy=1,
    disk_needed_bytes=10,
    largest_agent_disk_bytes=100,
    agent_last_seen_at=NOW,
)


def ended(state: JobState, reason: Reason | None = None) -> Facts:
    return Facts(NOW, state, reason, MADE, CHANGED, ENDED, replace(TRANSFER, state=TransferState.FAILED))


def held_up(code: str) -> Facts:
    return replace(JOB, transfer=replace(TRANSFER, reason=Reason(code, "What the agent said.")))


def queued(queue: Queue = ROOM, **changes: object) -> Facts:
    transfer = replace(TRANSFER, state=TransferState.QUEUED, runs_since=None, **changes)  # type: ignore[arg-type]
    return replace(JOB, state=JobState.QUEUED, transfer=transfer, queue=queue)


LATER = NOW + timedelta(seconds=30)
BROKEN = Reason("torrent_unusable", "libtorrent cannot read this torrent.")
TABLE: list[tuple[Verdict, Facts, datetime]] = [
    (Verdict.COMPLETED, ended(JobState.COMPLETED), ENDED),
    (Verdict.EXPIRED, ended(JobState.EXPIRED), ENDED),
    (Verdict.CANCELLED, ended(JobState.CANCELLED), ENDED),
    (Verdict.FAILED, ended(JobState.FAILED, Reason("attempts_used_up", "Tried too often.")), ENDED),
    (Verdict.TORRENT_UNUSABLE, ended(JobState.FAILED, BROKEN), ENDED),
    (Verdict.TORRENT_BLOCKED, ended(JobState.FAILED, Reason("torrent_blocked", "Taken down.")), ENDED),
    (Verdict.QUOTA_EXCEEDED, ended(JobState.FAILED, Reason("storage_quota_exceeded", "Too much.")), ENDED),
    (Verdict.SELECTION_WRONG, ended(JobState.FAILED, Reason("selection_out_of_range", "No file 7.")), ENDED),
    (Verdict.METADATA_NOT_FOUND, ended(JobState.FAILED, Reason("metadata_timeout", "Nobody.")), ENDED),
    (Verdict.TOO_LARGE, ended(JobState.FAILED, Reason("too_large_for_agents", "Too large.")), ENDED),
    (Verdict.PAUSED, replace(JOB, state=JobState.PAUSED), CHANGED),
    (Verdict.MOVING, JOB, RUNS),
    (Verdict.MOVING, replace(JOB, transfer=replace(TRANSFER, state=TransferState.RESOLVING)), RUNS),
    (Verdict.MOVING, replace(JOB, transfer=replace(TRANSFER, state=TransferState.STORING)), RUNS),
    (Verdict.MOVING, replace(JOB, transfer=replace(TRANSFER, state=TransferState.FAILED)), CHANGED),
    (Verdict.MOVING, replace(JOB, transfer=None), CHANGED),
    (Verdict.NO_PEERS, held_up("no_peers"), REASONED),
    (Verdict.TRACKERS_REFUSE, held_up("trackers_refuse"), REASONED),
    (Verdict.TRACKERS_UNREACHABLE, held_up("trackers_unreachable"), REASONED),
    (Verdict.PEERS_CORRUPT, held_up("peers_corrupt"), REASONED),
    (Verdict.PIECES_UNAVAILABLE, held_up("pieces_unavailable"), REASONED),
    (Verdict.STALLED, held_up("stalled"), REASONED),
    (Verdict.STORAGE_REFUSED, held_up("storage_refused"), REASONED),
    (Verdict.STORAGE_UNAVAILABLE, held_up("storage_unavailable"), REASONED),
    (Verdict.AGENT_DISK, held_up("agent_disk_full"), REASONED),
    (Verdict.AGENT_TROUBLE, held_up("agent_error"), REASONED),
    (Verdict.HELD_UP, held_up("something_new"), REASONED),
    (Verdict.NO_AGENTS, queued(Queue(running_limit=4, agent_last_seen_at=SEEN)), SEEN),
    (Verdict.NO_AGENTS, queued(Queue(running_limit=4)), WAITS),
    (Verdict.AGENTS_CLOSED, queued(replace(ROOM, agents_open=0, agents_taking=0, agents_roomy=0)), WAITS),
    (Verdict.RUNNING_LIMIT, queued(replace(ROOM, own_running=4, agents_taking=0)), WAITS),
    (Verdict.TOO_LARGE, queued(replace(ROOM, disk_needed_bytes=101)), WAITS),
    (Verdict.AGENTS_FULL, queued(replace(ROOM, agents_taking=0, agents_roomy=0, own_ahead=1)), WAITS),
    (Verdict.AGENTS_LACK_DISK, queued(replace(ROOM, agents_roomy=0)), WAITS),
    (Verdict.OWN_TRANSFERS_FIRST, queued(replace(ROOM, own_ahead=2)), WAITS),
    (Verdict.WAITING_TURN, queued(), WAITS),
    # Another user pays for a shared transfer: his limits are nobody else's to know.
    (Verdict.WAITING_TURN, queued(replace(ROOM, own_running=4, own_ahead=2, is_payer=False)), WAITS),
    # What ended the last attempt is over once another one may begin.
    (Verdict.WAITING_TURN, queued(reason=Reason("no_peers", "None.")), WAITS),
]


@pytest.mark.parametrize(("verdict", "facts", "since"), TABLE)
def test_the_verdict_and_since_when(verdict: Verdict, facts: Facts, since: datetime) -> None:
    said = diagnose(facts)
    assert (said.verdict, said.since, said.retry_at) == (verdict, since, None)
    assert said.message


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [
        (None, Verdict.BACKING_OFF),
        (Reason("agent_error", "The agent failed."), Verdict.BACKING_OFF),
        (Reason("metadata_timeout", "No peer told."), Verdict.METADATA_NOT_FOUND),
        (Reason("agent_disk_full", "Full."), Verdict.AGENT_DISK),
        (Reason("storage_unavailable", "Away."), Verdict.STORAGE_UNAVAILABLE),
    ],
)
def test_what_is_tried_again_later_says_when_and_why(reason: Reason | None, verdict: Verdict) -> None:
    said = diagnose(queued(Queue(), reason=reason, not_before=LATER))
    assert (said.verdict, said.retry_at) == (verdict, LATER)
    if verdict is Verdict.BACKING_OFF and reason is not None:
        assert reason.message in said.message


def test_a_failure_keeps_its_own_words_and_can_be_retried_unless_it_is_the_torrents() -> None:
    failed = diagnose(ended(JobState.FAILED, Reason("attempts_used_up", "Tried too often.")))
    assert (failed.message, failed.advice) == ("Tried too often.", "Retry it.")
    assert diagnose(ended(JobState.FAILED, BROKEN)).advice == ""
    assert "upgrade" in diagnose(ended(JobState.FAILED, Reason("storage_quota_exceeded", ""))).advice


def test_no_job_waits_since_before_it_was_submitted() -> None:
    assert diagnose(replace(queued(), created_at=CHANGED)).since == CHANGED
    assert diagnose(replace(held_up("no_peers"), created_at=CHANGED)).since == CHANGED


def test_a_cancel_by_an_operator_says_so() -> None:
    said = diagnose(ended(JobState.CANCELLED, Reason("terminated", "An operator ended this job.")))
    assert said.message == "An operator ended this job."


def test_each_verdict_has_words_and_a_case() -> None:
    assert set(VERDICTS) == set(Verdict)
    assert all(words.message.endswith(".") for words in VERDICTS.values())
    assert {verdict for verdict, _, _ in TABLE} | {Verdict.BACKING_OFF} == set(Verdict)
    assert set(BY_REASON.values()) <= set(Verdict)
