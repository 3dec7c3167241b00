"""Looking for what was left behind in object storage, and dealing with it."""

from tseeder.jobs.v1 import operators_pb2
from tseeder_admin.adapters.jobs import JobsOperators
from tseeder_admin.domain.audit import STORAGE_CLEAN, Intent
from tseeder_admin.domain.operators import Call, required_justification
from tseeder_admin.usecases.carry_out import Acts
from tseeder_kit.ids import uuid7


async def clean_storage(
    acts: Acts, jobs: JobsOperators, call: Call, request: operators_pb2.CleanStorageRequest
) -> operators_pb2.CleanStorageResponse:
    """Without `apply` nothing is changed, so nothing has to be said for it, and nothing is audited.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; INVALID `reason_required`, `ticket_required`, `bad_text`; jobs'
    own.
    """
    call.operator.require_write()
    if not request.apply:
        return await jobs.clean_storage(request)
    justification = required_justification(call.reason, call.ticket_id)
    details = {"unknown_objects": request.unknown_objects, "goes_on": bool(request.cursor)}
    wanted = Intent(uuid7(), call.operator, STORAGE_CLEAN, "storage", justification, details, call.request_id)
    return await acts.carry_out(wanted, lambda: jobs.clean_storage(request))
