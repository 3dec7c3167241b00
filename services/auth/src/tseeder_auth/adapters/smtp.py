"""A mail server: where letters are handed in."""

import asyncio
import ssl
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Final

import aiosmtplib
from aiosmtplib import SMTPNotSupported, SMTPRecipientRefused, SMTPRecipientsRefused, SMTPResponseException

from tseeder_auth.domain.mails import Letter, Server
from tseeder_kit import clock

_PERMANENT: Final = range(500, 600)


class MailRefusedError(Exception):
    """It was not taken. `reason` is a class, never the server's words; `permanent`: this recipient never will be."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        self.reason: Final = reason
        self.permanent: Final = permanent
        super().__init__(reason)


class Post:
    """Hands letters in, each over a connection of its own."""

    def __init__(self, server: Server) -> None:
        """Raises OSError (ssl.SSLError) for a CA file that cannot be used."""
        self._server = server
        self._tls = None if server.security == "plain" else ssl.create_default_context(cafile=server.ca_file)
        self._from = parseaddr(server.sender)[1]
        self.longest: Final = timedelta(seconds=server.seconds)

    async def send(self, letter: Letter) -> None:
        """Returns once the server has taken it. Raises MailRefusedError."""
        server = self._server
        try:
            async with asyncio.timeout(server.seconds):
                await aiosmtplib.send(
                    self._message(letter),
                    sender=self._from,
                    recipients=[letter.recipient],
                    hostname=server.host,
                    port=server.port,
                    username=server.username or None,
                    password=server.password or None,
                    local_hostname="localhost",
                    timeout=server.seconds,
                    use_tls=server.security == "tls",
                    start_tls=server.security == "starttls",
                    tls_context=self._tls,
                )
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as exc:
            raise _refusal(exc) from exc

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._server.sender
        message["To"] = letter.recipient
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(clock.now())
        message["Message-ID"] = f"<{letter.mail_id}@{self._from.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        return message


def _refusal(error: Exception) -> MailRefusedError:
    if isinstance(error, SMTPRecipientsRefused):
        first = error.recipients[0]
        return MailRefusedError(f"recipient_refused_{first.code}", permanent=first.code in _PERMANENT)
    if isinstance(error, SMTPRecipientRefused):
        return MailRefusedError(f"recipient_refused_{error.code}", permanent=error.code in _PERMANENT)
    if isinstance(error, SMTPNotSupported):
        # STARTTLS that is missing may come back; an address beyond ASCII will not become a plain one.
        return MailRefusedError("not_supported", permanent="SMTPUTF8" in error.message)
    if isinstance(error, SMTPResponseException):
        return MailRefusedError(f"{type(error).__name__}_{error.code}", permanent=False)
    if isinstance(error, ValueError) and not isinstance(error, OSError):  # as a certificate that is not trusted is
        return MailRefusedError("bad_address", permanent=True)
    return MailRefusedError(type(error).__name__, permanent=False)
