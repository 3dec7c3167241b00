"""Signing somebody out, everywhere."""

from tseeder.auth.v1 import auth_pb2
from tseeder_admin.adapters.auth import AuthAccounts
from tseeder_admin.domain.audit import USER_LOGOUT, Intent
from tseeder_admin.domain.operators import Call, id_of, required_justification
from tseeder_admin.usecases.carry_out import Acts
from tseeder_kit.ids import uuid7


async def force_logout(acts: Acts, auth: AuthAccounts, call: Call, user_id: str) -> auth_pb2.EndSessionsResponse:
    """Ends all sessions of a user.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; INVALID `reason_required`, `ticket_required`, `bad_text`,
    `bad_id`; auth's own.
    """
    call.operator.require_write()
    justification = required_justification(call.reason, call.ticket_id)
    target = id_of("user_id", user_id)
    wanted = Intent(uuid7(), call.operator, USER_LOGOUT, str(target), justification, {}, call.request_id)
    return await acts.carry_out(wanted, lambda: auth.end_sessions(target))
