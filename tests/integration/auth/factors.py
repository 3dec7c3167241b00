"""An authenticator app, and somebody who has one."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from pyotp import TOTP

from tests.integration.auth.running import PASSWORD, Auth
from tseeder.auth.v1 import auth_pb2
from tseeder_rpc import use_identity

CLIENT = auth_pb2.Client(user_agent="pytest", remote_address="198.51.100.7")


def code_at(secret: str, offset: int = 0) -> str:
    """What the app shows, `offset` steps from now."""
    return TOTP(secret).generate_otp(int(time.time()) // 30 + offset)


@dataclass(frozen=True)
class Enrolled:
    """A user with a second factor, in the session that was opened when it was confirmed."""

    user: auth_pb2.User
    secret: str
    recovery_codes: list[str]
    session: auth_pb2.LogInResponse

    @property
    def user_id(self) -> uuid.UUID:
        """Of his rows."""
        return uuid.UUID(self.user.user_id)


def proof(code: str = "", password: str = PASSWORD) -> auth_pb2.Proof:
    """What he proves himself with."""
    return auth_pb2.Proof(password=password, code=code)


async def started(auth: Auth, identity: str) -> auth_pb2.StartTotpResponse:
    """An enrolment."""
    with use_identity(identity):
        return await auth.me.StartTotp(auth_pb2.StartTotpRequest(proof=proof(), client=CLIENT))


async def enrolled(
    auth: Auth, role: auth_pb2.Role.ValueType = auth_pb2.ROLE_USER, user: auth_pb2.User | None = None
) -> Enrolled:
    """Somebody new, or `user`; the step of the code that confirmed it is forgotten, so that its code is good for a
    test."""
    user = user or await auth.new_user(role)
    identity = await auth.identity(user.email)
    secret = (await started(auth, identity)).secret
    with use_identity(identity):
        request = auth_pb2.ConfirmTotpRequest(code=code_at(secret), client=CLIENT)
        done = await auth.me.ConfirmTotp(request)
    await auth.pool.execute("UPDATE totp_factors SET last_step = NULL WHERE user_id = $1", uuid.UUID(user.user_id))
    return Enrolled(user, secret, list(done.recovery_codes), done.session)


async def identity_of(auth: Auth, session: auth_pb2.LogInResponse) -> str:
    """The identity token of a session."""
    return (await auth.exchange(session=session.session_token)).identity_token
