"""An account for somebody, made once however often it is asked for with one idempotency key."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tseeder.auth.v1 import auth_pb2
from tseeder_admin.adapters.auth import AuthAccounts
from tseeder_admin.domain.audit import USER_CREATE, Intent, Outcome
from tseeder_admin.domain.operators import Call, optional_justification
from tseeder_admin.store import audit, cursor_keys
from tseeder_admin.usecases.carry_out import Acts
from tseeder_kit.cursor import derive_key
from tseeder_kit.errors import conflict, invalid, unprocessable
from tseeder_kit.ids import uuid7
from tseeder_pg import Pool, Tx, transaction

MAX_IDEMPOTENCY_CHARS: Final = 255


@dataclass(frozen=True, slots=True)
class NewUser:
    """The account that is wanted."""

    email: str
    password: str
    role: auth_pb2.Role.ValueType
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class _Plan:
    audit_id: UUID
    user_id: UUID


async def create_user(pool: Pool, acts: Acts, auth: AuthAccounts, call: Call, new: NewUser) -> auth_pb2.User:
    """Makes the account. A reason and a ticket may be given and are not asked for, since nothing is destroyed.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; INVALID `bad_text`, `bad_idempotency_key`; CONFLICT
    `idempotency_in_flight` while an earlier try is under way; UNPROCESSABLE `idempotency_key_reused` with another
    request; auth's own.
    """
    call.operator.require_write()
    justification = optional_justification(call.reason, call.ticket_id)
    if len(new.idempotency_key) > MAX_IDEMPOTENCY_CHARS or not _is_visible_ascii(new.idempotency_key):
        raise invalid(
            "bad_idempotency_key", f"An Idempotency-Key has at most {MAX_IDEMPOTENCY_CHARS} visible ASCII characters."
        )
    user_id = uuid7()
    details = {"role": role_name(new.role)}
    wanted = Intent(uuid7(), call.operator, USER_CREATE, str(user_id), justification, details, call.request_id)
    async with transaction(pool) as tx:
        plan = await _plan(tx, wanted, new)
    return await acts.finish(
        plan.audit_id, USER_CREATE, lambda: auth.create_user(plan.user_id, new.email, new.password, new.role)
    )


async def _plan(tx: Tx, wanted: Intent, new: NewUser) -> _Plan:
    """A row of its own, or the one of an earlier try, whose user id makes auth answer the same user."""
    if not new.idempotency_key:
        await audit.insert_intent(tx, wanted, None, None)
        return _Plan(wanted.audit_id, UUID(wanted.target))
    fingerprint = await _fingerprint(tx, new)
    if await audit.insert_intent(tx, wanted, new.idempotency_key, fingerprint):
        return _Plan(wanted.audit_id, UUID(wanted.target))
    earlier = await audit.find_earlier(tx, wanted.operator.user_id, USER_CREATE, new.idempotency_key)
    if earlier is None or earlier.outcome is Outcome.STARTED:
        # None: it was refused at this very moment.
        raise conflict("idempotency_in_flight", "The same request is under way; try again in a moment.")
    if not hmac.compare_digest(earlier.fingerprint, fingerprint):
        raise unprocessable("idempotency_key_reused", "This Idempotency-Key was used for another request.")
    return _Plan(earlier.audit_id, UUID(earlier.target))


async def _fingerprint(tx: Tx, new: NewUser) -> bytes:
    """Keyed, since the row stays for ever and a bare hash of an address would tell it. Without the password."""
    key = derive_key(await cursor_keys.cursor_key(tx), "admin.fingerprint")
    return hmac.digest(key, json.dumps([new.email, int(new.role)]).encode(), hashlib.sha256)


def role_name(role: auth_pb2.Role.ValueType) -> str:
    """`admin` for ROLE_ADMIN; what is not a role is auth's to refuse."""
    if role == auth_pb2.ROLE_UNSPECIFIED:
        return "user"
    if role not in auth_pb2.Role.values():
        return "unknown"
    return auth_pb2.Role.Name(role).removeprefix("ROLE_").lower()


def _is_visible_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable()
