"""What is in a mail: one text for each kind, in `templates`, and one page around it. HTML is made of the same text."""

import re
from datetime import timedelta
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from tseeder_auth.domain.emails import Email, for_envelope
from tseeder_auth.domain.mails import TOKENS, Letter, Mail, MailKind

_PAGES: Final = {MailKind.VERIFY: "verify-email", MailKind.RESET: "reset-password"}
"""Of the web app, where a token leads. It stands behind a #, which browsers send nobody: no log gets to see it."""

_BLANK_LINES: Final = re.compile(r"\n\s*\n")


class Letters:
    """Writes them. `server`: where the API is reached, `app`: where the web app is; "" for what is not known."""

    def __init__(self, server: str, app: str) -> None:
        self._server = server.rstrip("/")
        self._app = app.rstrip("/")
        loader = PackageLoader("tseeder_auth.adapters", "templates")
        self._text = _environment(loader, autoescape=False)
        self._html = _environment(loader, autoescape=True)

    def write(self, mail: Mail, to: Email, token: str, api_keys: int = 0) -> Letter:
        """The letter for a claimed mail; `token` is "" for kinds without one, `api_keys` how many its reader has."""
        rule = TOKENS.get(mail.kind)
        link = f"{self._app}/{_PAGES[mail.kind]}#token={token}" if self._app and mail.kind in _PAGES else ""
        said = self._text.get_template(f"{mail.kind}.txt").render(
            email=to.shown,
            server=self._server,
            link=link,
            token=token,
            api_keys=api_keys,
            lifetime="" if rule is None else _in_words(rule.lifetime),
        )
        subject, _, text = said.strip().partition("\n")
        paragraphs = [each.strip() for each in _BLANK_LINES.split(text) if each.strip()]
        html = self._html.get_template("page.html").render(
            subject=subject, paragraphs=paragraphs, link=link, token=token, server=self._server
        )
        return Letter(mail.mail_id, for_envelope(to), subject, "\n\n".join(paragraphs) + "\n", html)


def _environment(loader: PackageLoader, *, autoescape: bool) -> Environment:
    return Environment(
        loader=loader,
        autoescape=autoescape,  # noqa: S701 - off only for plain text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _in_words(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes // 60} hours" if minutes > 60 else f"{minutes} minutes"
