"""Why a job is where it is."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_gateway.api.schemas.attempts import AttemptView
from tseeder_gateway.api.schemas.jobs import JOB_STATES
from tseeder_gateway.api.schemas.wire import (
    UNKNOWN,
    Count,
    Id,
    View,
    described,
    enum_names,
    one_of,
    present_timestamp,
    timestamp,
)

TRACKER_STATES: Final = enum_names(model.TrackerState, "TRACKER_STATE_")
VERDICTS: Final = (
    *("completed", "expired", "cancelled", "paused", "failed", "moving"),
    *("no_peers", "trackers_refuse", "trackers_unreachable", "metadata_not_found", "peers_corrupt"),
    *("pieces_unavailable", "stalled", "torrent_unusable", "torrent_blocked"),
    *("storage_refused", "storage_unavailable", "quota_exceeded", "selection_wrong"),
    *("agent_disk", "agent_trouble", "held_up"),
    *("no_agents", "agents_closed", "agents_full", "agents_lack_disk", "too_large"),
    *("running_limit", "backing_off", "own_transfers_first", "waiting_turn"),
)
"""The codes of jobs (tseeder_jobs.domain.diagnosis.Verdict); a test holds them together."""


class TrackerView(View):
    """How one of the job's own trackers answers; `fails` are in a row."""

    url: str
    state: str = one_of(TRACKER_STATES)
    message: str = described("the tracker's own words, or the network's")
    fails: Count

    @classmethod
    def of(cls, told: model.TrackerEvidence) -> TrackerView:
        """From jobs' message."""
        return cls(url=told.url, state=TRACKER_STATES.get(told.state, UNKNOWN), message=told.message, fails=told.fails)


class SwarmView(View):
    """What the agent last saw of the swarm. Rates are bytes a second, bytes are payload of its present lease."""

    peers: Count = described("connected", minimum=0)
    seeds: Count = described("of them, those that have all of it", minimum=0)
    candidates: Count = described("known, and not connected", minimum=0)
    banned_peers: Count = described("sent too much that was wrong", minimum=0)
    received_bytes: Count
    wasted_bytes: Count = described("failed their hash, or came twice", minimum=0)
    failed_pieces: Count = described("whose hash was wrong when they came last", minimum=0)
    missing_pieces: Count = described("needed, and nobody's who is connected", minimum=0)
    quiet_seconds: float = described("since something useful came", minimum=0)
    trackers: list[TrackerView] = described("the job's own; of a shared torrent there may be others")
    dht_nodes: Count = described("0 without DHT, and for a private torrent", minimum=0)
    download_rate: Count
    upload_rate: Count = described("to the object storage", minimum=0)

    @classmethod
    def of(cls, told: model.SwarmEvidence) -> SwarmView:
        """From jobs' message."""
        return cls(
            peers=told.peers,
            seeds=told.seeds,
            candidates=told.candidates,
            banned_peers=told.banned_peers,
            received_bytes=told.received_bytes,
            wasted_bytes=told.wasted_bytes,
            failed_pieces=told.failed_pieces,
            missing_pieces=told.missing_pieces,
            quiet_seconds=told.quiet_seconds,
            trackers=[TrackerView.of(tracker) for tracker in told.trackers],
            dht_nodes=told.dht_nodes,
            download_rate=told.download_rate,
            upload_rate=told.upload_rate,
        )


class QueueView(View):
    """While it waits for an agent. What is the caller's own is counted, and nobody else's."""

    own_ahead: Count = described("own transfers that go first", minimum=0)
    own_running: Count
    running_limit: Count
    agents_alive: Count
    agents_taking: Count = described("neither cordoned nor draining, and with a free slot", minimum=0)
    disk_needed_bytes: Count
    largest_agent_disk_bytes: Count

    @classmethod
    def of(cls, told: pb.QueueEvidence) -> QueueView:
        """From jobs' message."""
        return cls(
            own_ahead=told.own_ahead,
            own_running=told.own_running,
            running_limit=told.running_limit,
            agents_alive=told.agents_alive,
            agents_taking=told.agents_taking,
            disk_needed_bytes=told.disk_needed_bytes,
            largest_agent_disk_bytes=told.largest_agent_disk_bytes,
        )


class QuotaView(View):
    """Reserved and stored bytes, of what the plan allows."""

    held_bytes: Count
    limit_bytes: Count

    @classmethod
    def of(cls, told: pb.QuotaEvidence) -> QuotaView:
        """From jobs' message."""
        return cls(held_bytes=told.held_bytes, limit_bytes=told.limit_bytes)


class DiagnosisView(View):
    """Why a job is where it is. Decide by `verdict`; what is null says nothing to it. The swarm is shown while the job
    is not ended, and after it failed."""

    job_id: Id
    state: str = one_of(JOB_STATES)
    verdict: str = described("stable; more may come: docs/reference/verdicts.md", enum=[*VERDICTS, UNKNOWN])
    message: str = described("one sentence")
    advice: str = described("what the job's owner can do about it; empty if nothing")
    since: datetime
    queue: QueueView | None
    swarm: SwarmView | None
    swarm_seen_at: datetime | None = described("when `swarm` was so")
    quota: QuotaView | None
    attempts: list[AttemptView] = described("newest first, 20 at most")
    attempts_spent: Count
    attempts_allowed: Count = described("it fails when so many are spent", minimum=0)
    retry_at: datetime | None = described("when it is tried again by itself")

    @classmethod
    def of(cls, told: pb.Diagnosis) -> DiagnosisView:
        """From jobs' message."""
        return cls(
            job_id=told.job_id,
            state=JOB_STATES.get(told.state, UNKNOWN),
            verdict=told.verdict if told.verdict in VERDICTS else UNKNOWN,
            message=told.message,
            advice=told.advice,
            since=present_timestamp(told, "since"),
            queue=QueueView.of(told.queue) if told.HasField("queue") else None,
            swarm=SwarmView.of(told.swarm) if told.HasField("swarm") else None,
            swarm_seen_at=timestamp(told, "swarm_seen_at"),
            quota=QuotaView.of(told.quota) if told.HasField("quota") else None,
            attempts=[AttemptView.of(attempt) for attempt in told.attempts],
            attempts_spent=told.attempts_spent,
            attempts_allowed=told.attempts_allowed,
            retry_at=timestamp(told, "retry_at"),
        )
