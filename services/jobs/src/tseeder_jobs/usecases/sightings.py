"""What a lease holder saw of its swarm, between the clear and its row: trackers carry their owners' passkeys."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, fields
from typing import Any, Final
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
    """With these trackers only: the others belong to other users of the same transfer. A field that another release
    wrote and this one does not know is passed over."""
    value = json.loads(keyring.open(Sealed(row.key_id, row.evidence_ciphertext), _place(transfer_id)))
    own = tuple(_tracker(each) for each in value.pop("trackers") if each["url"] in trackers)
    return SwarmEvidence(**_known(SwarmEvidence, value), trackers=own)


def _tracker(value: dict[str, Any]) -> TrackerEvidence:
    known = _known(TrackerEvidence, value)
    state = known["state"]
    return TrackerEvidence(**{**known, "state": TrackerState(state) if state in _STATES else TrackerState.WAITING})


_STATES: Final = frozenset(TrackerState)


def _known(kind: type[SwarmEvidence | TrackerEvidence], value: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {name: each for name, each in value.items() if name in names}
