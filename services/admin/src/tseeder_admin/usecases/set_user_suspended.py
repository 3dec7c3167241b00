"""Whether a user may use his account."""

from tseeder.auth.v1 import auth_pb2
from tseeder_admin.adapters.auth import AuthAccounts
from tseeder_admin.domain.audit import USER_REINSTATE, USER_SUSPEND, Intent
from tseeder_admin.domain.operators import Call, id_of, required_justification
from tseeder_admin.usecases.carry_out import Acts
from tseeder_kit.ids import uuid7


async def set_user_suspended(
    acts: Acts, auth: AuthAccounts, call: Call, user_id: str, *, suspended: bool
) -> auth_pb2.User:
    """Suspends an account, or reinstates it.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; INVALID `reason_required`, `ticket_required`, `bad_text`,
    `bad_id`; auth's own.
    """
    call.operator.require_write()
    justification = required_justification(call.reason, call.ticket_id)
    target = id_of("user_id", user_id)
    action = USER_SUSPEND if suspended else USER_REINSTATE
    wanted = Intent(uuid7(), call.operator, action, str(target), justification, {}, call.request_id)
    return await acts.carry_out(wanted, lambda: auth.set_suspended(target, suspended=suspended))
