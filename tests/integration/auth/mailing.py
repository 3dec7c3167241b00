"""What the tests of registration and of mails share: a service that mails, and what people do by it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.integration.auth.running import PASSWORD, Auth
from tseeder.auth.v1 import auth_pb2
from tseeder.auth.v1 import registration_pb2 as pb
from tseeder_kit.errors import AppError
from tseeder_testkit.mail_server import MailServer, Received

APP = "https://app.example.org"
TERMS = "2026-11"
LIMITS = {"mail_account_free": 1000, "mail_address_free": 1000}
SETTINGS: dict[str, Any] = {
    "registration_open": True,
    "terms_version": TERMS,
    "public_url": "https://tseeder.example.org",
    "app_url": APP,
    "smtp_host": "127.0.0.1",
    "smtp_security": "plain",
    "smtp_seconds": 5,
    "mail_from": "tseeder <no-reply@example.org>",
    "mail_seconds": 0.05,
    "mail_first_retry_seconds": 0.05,
    "mail_longest_retry_seconds": 0.2,
}
CLIENT = auth_pb2.Client(user_agent="pytest", remote_address="203.0.113.77")


@dataclass(frozen=True)
class Mailing:
    """A service, and the mail server that it hands its mails to."""

    auth: Auth
    mail: MailServer

    async def register(self, email: str, password: str = PASSWORD, **more: Any) -> pb.RegisterResponse:
        """As a person fills it in."""
        fields = {"accepted_terms_version": TERMS, "client": CLIENT, **more}
        return await self.auth.registration.Register(pb.RegisterRequest(email=email, password=password, **fields))

    async def verify(self, token: str, password: str = "") -> None:
        """As the mail says."""
        request = pb.VerifyEmailRequest(token=token, password=password, client=CLIENT)
        await self.auth.registration.VerifyEmail(request)

    async def ask_reset(self, email: str, **more: Any) -> pb.RequestPasswordResetResponse:
        """A mail for who has forgotten his password."""
        request = pb.RequestPasswordResetRequest(email=email, **{"client": CLIENT, **more})
        return await self.auth.registration.RequestPasswordReset(request)

    async def resend(self, email: str, **more: Any) -> pb.ResendVerificationResponse:
        """Another mail for who has lost his first."""
        request = pb.ResendVerificationRequest(email=email, **{"client": CLIENT, **more})
        return await self.auth.registration.ResendVerification(request)

    async def reset(self, token: str, new_password: str) -> None:
        """As the mail says."""
        request = pb.ConfirmPasswordResetRequest(token=token, new_password=new_password, client=CLIENT)
        await self.auth.registration.ConfirmPasswordReset(request)

    async def token(self, email: str, count: int = 1) -> str:
        """The one in the `count`th mail to somebody."""
        return token_in(await self.mail.wait_for(email, count))

    async def member(self, email: str) -> None:
        """Somebody who has registered and confirmed."""
        await self.register(email)
        await self.verify(await self.token(email))

    async def events(self, email: str) -> Sequence[str]:
        """What is kept of what happened to somebody's account, oldest first."""
        sql = "SELECT e.kind FROM security_events e JOIN users USING (user_id) WHERE email = $1 ORDER BY at, event_id"
        return [row["kind"] for row in await self.auth.pool.fetch(sql, email)]

    async def outbox(self, email: str, kind: str = "%") -> int:
        """How many mails to an address wait."""
        sql = "SELECT count(*) FROM mails WHERE address = $1 AND kind LIKE $2"
        count: int = await self.auth.pool.fetchval(sql, email, kind)
        return count


def token_in(mail: Received) -> str:
    """The token that a mail holds: on a line of its own, and behind the # of its link."""
    tokens = [line for line in mail.text.splitlines() if re.fullmatch(r"[A-Za-z0-9_-]{43}", line)]
    assert len(tokens) == 1, mail.text
    assert f"#token={tokens[0]}\n" in mail.text
    assert mail.html.count(tokens[0]) == 3  # the link, its text, and the token alone
    return tokens[0]


async def code_of(call: Any) -> str:
    """The code of the error that a call ends with; "" if it is well."""
    try:
        await call
    except AppError as error:
        return error.code
    return ""
