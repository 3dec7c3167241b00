"""Whether an agent may claim."""

from tseeder.jobs.v1 import operators_pb2
from tseeder_admin.adapters.jobs import JobsOperators
from tseeder_admin.domain.audit import AGENT_CORDON, AGENT_UNCORDON, Intent
from tseeder_admin.domain.operators import AGENT_ID, Call, required_justification
from tseeder_admin.usecases.carry_out import Acts
from tseeder_kit.errors import not_found
from tseeder_kit.ids import uuid7


async def set_cordon(
    acts: Acts, jobs: JobsOperators, call: Call, agent_id: str, *, cordoned: bool
) -> operators_pb2.AgentInfo:
    """Cordons an agent, or lets it claim again.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; INVALID `reason_required`,
    `ticket_required`, `bad_text`; NOT_FOUND `agent_not_found`; jobs' own.
    """
    call.operator.require_write()
    justification = required_justification(call.reason, call.ticket_id)
    if not AGENT_ID.fullmatch(agent_id):
        raise not_found("agent_not_found", "There is no such agent.")
    action = AGENT_CORDON if cordoned else AGENT_UNCORDON
    wanted = Intent(uuid7(), call.operator, action, agent_id, justification, {"cordoned": cordoned}, call.request_id)
    return await acts.carry_out(wanted, lambda: jobs.set_cordon(agent_id, cordoned=cordoned))
