"""Ending any user's job."""

from tseeder.jobs.v1 import model_pb2
from tseeder_admin.adapters.jobs import JobsOperators
from tseeder_admin.domain.audit import JOB_TERMINATE, Intent
from tseeder_admin.domain.operators import Call, id_of, required_justification
from tseeder_admin.usecases.carry_out import Acts
from tseeder_kit.ids import uuid7


async def terminate_job(acts: Acts, jobs: JobsOperators, call: Call, job_id: str) -> model_pb2.Job:
    """Ends the job.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; INVALID `reason_required`, `ticket_required`, `bad_text`,
    `bad_id`; jobs' own.
    """
    call.operator.require_write()
    justification = required_justification(call.reason, call.ticket_id)
    parsed = id_of("job_id", job_id)
    wanted = Intent(uuid7(), call.operator, JOB_TERMINATE, str(parsed), justification, {}, call.request_id)
    return await acts.carry_out(wanted, lambda: jobs.terminate_job(parsed))
