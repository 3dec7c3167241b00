"""Whether an agent has to give back what it holds."""

from tseeder.jobs.v1 import operators_pb2
from tseeder_admin.adapters.jobs import JobsOperators
from tseeder_admin.domain.audit import AGENT_DRAIN, AGENT_UNDRAIN, Intent
from tseeder_admin.domain.operators import AGENT_ID, Call, required_justification
from tseeder_admin.usecases.carry_out import Acts
from tseeder_kit.errors import not_found
from tseeder_kit.ids import uuid7


async def set_drain(
    acts: Acts, jobs: JobsOperators, call: Call, agent_id: str, *, drain: bool
) -> operators_pb2.AgentInfo:
    """Orders an agent to give everything back and to claim nothing, or takes that order back.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; INVALID `reason_required`,
    `ticket_required`, `bad_text`; NOT_FOUND `agent_not_found`; jobs' own.
    """
    call.operator.require_write()
    justification = required_justification(call.reason, call.ticket_id)
    if not AGENT_ID.fullmatch(agent_id):
        raise not_found("agent_not_found", "There is no such agent.")
    action = AGENT_DRAIN if drain else AGENT_UNDRAIN
    wanted = Intent(uuid7(), call.operator, action, agent_id, justification, {"drain": drain}, call.request_id)
    return await acts.carry_out(wanted, lambda: jobs.set_drain(agent_id, drain=drain))
