"""What a user may do."""

from tseeder.auth.v1 import auth_pb2
from tseeder_admin.adapters.auth import AuthAccounts
from tseeder_admin.domain.audit import USER_SET_ROLE, Intent
from tseeder_admin.domain.operators import Call, id_of, required_justification
from tseeder_admin.usecases.carry_out import Acts
from tseeder_admin.usecases.create_user import role_name
from tseeder_kit.ids import uuid7


async def set_user_role(
    acts: Acts, auth: AuthAccounts, call: Call, user_id: str, role: auth_pb2.Role.ValueType
) -> auth_pb2.User:
    """Changes the role, and ends his sessions.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; INVALID `reason_required`, `ticket_required`, `bad_text`,
    `bad_id`; auth's own: only superadmins may, and the last one stays.
    """
    call.operator.require_write()
    justification = required_justification(call.reason, call.ticket_id)
    target = id_of("user_id", user_id)
    details = {"role": role_name(role)}
    wanted = Intent(uuid7(), call.operator, USER_SET_ROLE, str(target), justification, details, call.request_id)
    return await acts.carry_out(wanted, lambda: auth.set_role(target, role))
