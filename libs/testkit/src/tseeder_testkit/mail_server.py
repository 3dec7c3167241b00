"""A real SMTP server in the test's process, that keeps what it gets and refuses what it is told to."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Received:
    """One mail, as it came: for whom by its envelope, and what is in it."""

    recipient: str
    message: EmailMessage

    @property
    def text(self) -> str:
        """The plain part."""
        return self._part("plain")

    @property
    def html(self) -> str:
        """The other one."""
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


@dataclass
class MailServer:
    """Running while inside `mail_server`. `refuse` maps a recipient to the answer that it gets, such as "550 no"."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    logins: list[str] = field(default_factory=list)
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    def to(self, recipient: str) -> list[Received]:
        """What has come for somebody."""
        return [each for each in self.received if each.recipient == recipient]

    async def wait_for(self, recipient: str, count: int = 1, seconds: float = 20) -> Received:
        """The last of the first `count` mails for somebody, once they are there."""
        async with asyncio.timeout(seconds), self._came:
            await self._came.wait_for(lambda: len(self.to(recipient)) >= count)
        return self.to(recipient)[count - 1]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Says whether a recipient is taken."""
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keeps a mail."""
        assert isinstance(envelope.content, bytes)  # text only for a server that decodes
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        async with self._came:
            self.received += [Received(each, message) for each in envelope.rcpt_tos]
            self._came.notify_all()
        return "250 OK"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        """Anybody may, and is noted."""
        if isinstance(data, LoginPassword):
            self.logins.append(f"{data.login.decode()}:{data.password.decode()}")
        return AuthResult(success=True)


@asynccontextmanager
async def mail_server(port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[MailServer]:
    """Serves on loopback; with `tls` by STARTTLS only, and whoever hands a mail in has to sign in."""
    held, loop = MailServer(), asyncio.get_running_loop()

    def connection() -> SMTP:
        return SMTP(
            held,
            enable_SMTPUTF8=True,
            hostname="localhost",
            loop=loop,
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=tls is not None,
            authenticator=held.authenticate,
        )

    async with await loop.create_server(connection, HOST, port) as server:
        held.port = server.sockets[0].getsockname()[1]
        yield held
