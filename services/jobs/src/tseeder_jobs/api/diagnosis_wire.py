"""Evidence and diagnoses, between wire and domain."""

from __future__ import annotations

from typing import Final

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.api import wire
from tseeder_jobs.domain.diagnosis import Queue
from tseeder_jobs.domain.evidence import (
    MAX_TRACKERS,
    MAX_URL_CHARS,
    SwarmEvidence,
    TrackerEvidence,
    TrackerState,
    bounded_count,
    bounded_seconds,
    plain_line,
)
from tseeder_jobs.usecases.diagnose_job import Diagnosis

TRACKER_STATES: Final = {state: model.TrackerState.Value(f"TRACKER_STATE_{state.name}") for state in TrackerState}
_tracker_states: Final = {value: state for state, value in TRACKER_STATES.items()}


def evidence_of(told: model.SwarmEvidence) -> SwarmEvidence:
    """What an agent tells, cut to what is believable; a tracker too many, or too long, is left out."""
    trackers = [each for each in told.trackers if len(each.url) <= MAX_URL_CHARS][:MAX_TRACKERS]
    return SwarmEvidence(
        peers=bounded_count(told.peers),
        seeds=bounded_count(told.seeds),
        candidates=bounded_count(told.candidates),
        banned_peers=bounded_count(told.banned_peers),
        received_bytes=bounded_count(told.received_bytes),
        wasted_bytes=bounded_count(told.wasted_bytes),
        failed_pieces=bounded_count(told.failed_pieces),
        missing_pieces=bounded_count(told.missing_pieces),
        quiet_seconds=bounded_seconds(told.quiet_seconds),
        trackers=tuple(_tracker_of(each) for each in trackers),
        dht_nodes=bounded_count(told.dht_nodes),
        download_rate=bounded_count(told.download_rate),
        upload_rate=bounded_count(told.upload_rate),
    )


def _tracker_of(told: model.TrackerEvidence) -> TrackerEvidence:
    state = _tracker_states.get(told.state, TrackerState.WAITING)
    return TrackerEvidence(told.url, state, plain_line(told.message), bounded_count(told.fails))


def diagnosis_to_wire(found: Diagnosis) -> pb.Diagnosis:
    """As the job's owner sees it."""
    said = found.said
    return pb.Diagnosis(
        job_id=str(found.job_id),
        state=wire.JOB_STATES[found.state],
        verdict=said.verdict,
        message=said.message,
        advice=said.advice,
        since=wire.timestamp(said.since),
        queue=_queue_to_wire(found.queue) if found.queue else None,
        swarm=evidence_to_wire(found.swarm) if found.swarm else None,
        swarm_seen_at=wire.timestamp(found.swarm_seen_at),
        quota=(
            pb.QuotaEvidence(held_bytes=found.quota.held_bytes, limit_bytes=found.quota.limit_bytes)
            if found.quota
            else None
        ),
        attempts=[wire.attempt(each, for_operators=False) for each in found.attempts],
        attempts_spent=found.attempts_spent,
        attempts_allowed=found.attempts_allowed,
        retry_at=wire.timestamp(said.retry_at),
    )


def _queue_to_wire(queue: Queue) -> pb.QueueEvidence:
    return pb.QueueEvidence(
        own_ahead=queue.own_ahead,
        own_running=queue.own_running,
        running_limit=queue.running_limit,
        agents_alive=queue.agents_alive,
        agents_taking=queue.agents_taking,
        disk_needed_bytes=queue.disk_needed_bytes,
        largest_agent_disk_bytes=queue.largest_agent_disk_bytes,
    )


def evidence_to_wire(swarm: SwarmEvidence) -> model.SwarmEvidence:
    """With the trackers that stand in it: they must be the reader's own."""
    return model.SwarmEvidence(
        peers=swarm.peers,
        seeds=swarm.seeds,
        candidates=swarm.candidates,
        banned_peers=swarm.banned_peers,
        received_bytes=swarm.received_bytes,
        wasted_bytes=swarm.wasted_bytes,
        failed_pieces=swarm.failed_pieces,
        missing_pieces=swarm.missing_pieces,
        quiet_seconds=swarm.quiet_seconds,
        trackers=[
            model.TrackerEvidence(
                url=each.url, state=TRACKER_STATES[each.state], message=each.message, fails=each.fails
            )
            for each in swarm.trackers
        ],
        dht_nodes=swarm.dht_nodes,
        download_rate=swarm.download_rate,
        upload_rate=swarm.upload_rate,
    )
