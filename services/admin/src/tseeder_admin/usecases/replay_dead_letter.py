"""Trying a dead letter again."""

from uuid import UUID

from tseeder.jobs.v1 import operators_pb2
from tseeder_admin.adapters.jobs import JobsOperators
from tseeder_admin.domain.audit import DEAD_LETTER_REPLAY, Intent
from tseeder_admin.domain.operators import Call, required_justification
from tseeder_admin.usecases.carry_out import Acts
from tseeder_kit.errors import not_found
from tseeder_kit.ids import uuid7


async def replay_dead_letter(
    acts: Acts, jobs: JobsOperators, call: Call, transfer_id: str
) -> operators_pb2.ReplayDeadLetterResponse:
    """Its failed jobs are wanted again.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; INVALID `reason_required`, `ticket_required`, `bad_text`;
    NOT_FOUND `dead_letter_not_found`; jobs' own.
    """
    call.operator.require_write()
    justification = required_justification(call.reason, call.ticket_id)
    parsed = _parsed(transfer_id)
    wanted = Intent(uuid7(), call.operator, DEAD_LETTER_REPLAY, str(parsed), justification, {}, call.request_id)
    return await acts.carry_out(wanted, lambda: jobs.replay_dead_letter(parsed))


def _parsed(transfer_id: str) -> UUID:
    """What is no id names nothing, and is not logged."""
    try:
        return UUID(transfer_id)
    except ValueError:
        raise not_found("dead_letter_not_found", "There is no such dead letter.") from None
