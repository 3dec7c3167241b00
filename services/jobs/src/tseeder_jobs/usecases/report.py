"""Where a transfer stands, and what holds it up: shown on the jobs that wait on it. And what its agent sees of the
swarm, for who asks why."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.agent_calls import AgentCaller, LeaseRef
from tseeder_jobs.domain.evidence import SwarmEvidence
from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.domain.states import TRANSFER_MOVES, TRANSFER_RUNNING, TransferState
from tseeder_jobs.store import diagnosis, transfers
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.held_lease import hold
from tseeder_jobs.usecases.sightings import seal_sighting
from tseeder_jobs.usecases.wish import changed_meanwhile, show_transfer
from tseeder_kit.errors import conflict, invalid
from tseeder_pg import Tx, retrying, transaction


async def report(
    ctx: Context,
    caller: AgentCaller,
    lease: LeaseRef,
    state: TransferState,
    problem: Reason | None,
    evidence: SwarmEvidence | None = None,
) -> None:
    """A repeat changes nothing. An agent may not say that something is stored: its objects say so. `evidence` None:
    what was seen of the swarm stands as it was."""
    if state not in TRANSFER_RUNNING:
        raise invalid("bad_state", "An agent reports resolving, downloading or storing.")
    sighting = seal_sighting(ctx.keyring, lease.transfer_id, evidence) if evidence else None

    async def write() -> None:
        async with transaction(ctx.pool) as tx:
            transfer = await hold(tx, caller, lease)
            if state is not transfer.state:
                await _move(tx, transfer.transfer_id, transfer.state, state)
            if sighting is not None:
                await diagnosis.write_sighting(tx, lease.transfer_id, lease.epoch, sighting.ciphertext, sighting.key_id)
            touched = await transfers.set_problem(tx, lease.transfer_id, problem)
            await show_transfer(tx, lease.transfer_id, state, touched=touched)

    await retrying(write)
    await Doorbell().ring(ctx)


async def _move(tx: Tx, transfer_id: UUID, old: TransferState, new: TransferState) -> None:
    if new not in TRANSFER_MOVES[old]:
        raise conflict("illegal_move", f"A transfer does not go from {old} to {new}.")
    if not await transfers.move(tx, transfer_id, old=old, new=new):
        raise changed_meanwhile()
