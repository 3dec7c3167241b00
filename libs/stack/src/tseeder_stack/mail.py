"""The mail server that auth hands its mails to: the embedded one, or another."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class MailServer:
    """Where it is, how the connection is protected (`starttls`, `tls`, `plain`), as whom, and who mails are from."""

    host: str
    port: int
    security: str = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    sender: str = "tseeder <tseeder@localhost>"

    def settings(self) -> dict[str, str]:
        """As auth's settings say it."""
        fields = {
            "SMTP_HOST": self.host,
            "SMTP_PORT": str(self.port),
            "SMTP_SECURITY": self.security,
            "SMTP_USERNAME": self.username,
            "SMTP_PASSWORD": self.password,
            "MAIL_FROM": self.sender,
        }
        return {name: value for name, value in fields.items() if value}
