"""What a lease holder saw of its swarm, between the clear and its row: trackers carry their owners' passkeys."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, replace
from uuid import UUID

from tseeder_jobs.adapters.crypto import Keyring
from tseeder_jobs.domain.evidence import SwarmEvidence, TrackerEvidence, TrackerState
from tseeder_jobs.domain.sealed import Place, Sealed
from tseeder_jobs.store.diagnosis import SightingRow


def _place(transfer_id: UUID) -> Place:
    return Place("sightings", "evidence", str(transfer_id))


def seal_sighting(keyring: Keyring, transfer_id: UUID, evidence: SwarmEvidence) -> Sealed:
    """As its row holds it."""
    return keyring.seal(json.dumps(asdict(evidence)).encode(), _place(transfer_id))


def open_sighting(keyring: Keyring, transfer_id: UUID, row: SightingRow, trackers: Collection[str]) -> SwarmEvidence:
    """With these trackers only: the others belong to other users of the same transfer."""
    value = json.loads(keyring.open(Sealed(row.key_id, row.evidence_ciphertext), _place(transfer_id)))
    told = [TrackerEvidence(**{**each, "state": TrackerState(each["state"])}) for each in value.pop("trackers")]
    own = tuple(tracker for tracker in told if tracker.url in trackers)
    return replace(SwarmEvidence(**value), trackers=own)
