"""The outbox: nothing is lost while the mail server is away, nothing is sent twice, nothing is tried for ever."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.certificates import self_signed
from tests.integration.auth.mailing import LIMITS, SETTINGS, Mailing
from tests.integration.auth.running import Auth, eventually, running_auth, unique_email
from tests.ports import PORTS
from tseeder_auth.adapters.mail_templates import Letters
from tseeder_auth.adapters.smtp import MailRefusedError, Post
from tseeder_auth.domain.emails import parse_email
from tseeder_auth.domain.mails import TOKENS, Letter, Mail, MailKind, Server
from tseeder_auth.store import mails
from tseeder_pg import transaction
from tseeder_testkit.mail_server import MailServer, mail_server

LETTER = Letter(uuid4(), "ann@example.org", "Grüße", "text\n", "<p>html</p>")


@pytest.fixture
async def alone(fresh_auth: Auth) -> Auth:
    """A service without a mail server, on a database of its own: it writes mails down and sends none."""
    return fresh_auth


def beside(auth: Auth, port: int, **more: Any) -> Any:
    """Another service on the same database, which hands mails in at `port`."""
    dsn = auth.settings.database_url.get_secret_value()
    nats_url = auth.settings.nats_url.get_secret_value()
    folder = auth.settings.identity_private_key.parent
    return running_auth(dsn, nats_url, folder, smtp_port=port, **{**SETTINGS, **LIMITS, **more})


async def enqueue(auth: Auth, address: str, kind: MailKind = MailKind.ACCOUNT_DELETED) -> None:
    async with transaction(auth.pool) as tx:
        await mails.enqueue(tx, kind, None, address)


async def is_empty(auth: Auth) -> bool:
    return bool(await auth.pool.fetchval("SELECT count(*) FROM mails") == 0)


async def test_a_mail_server_that_is_away_loses_nothing(alone: Auth) -> None:
    port, email = PORTS.pick(f"smtp-{uuid4().hex}"), unique_email()
    async with beside(alone, port) as auth:
        away = Mailing(auth, MailServer())
        await away.register(email)
        failed = "SELECT count(*) FROM mails WHERE attempts > 1 AND last_error = 'SMTPConnectError'"
        await eventually(lambda: _is(auth.pool.fetchval(failed), 1))
        async with mail_server(port) as mail:
            back = Mailing(auth, mail)
            await back.verify(await back.token(email))
            await eventually(lambda: is_empty(auth))
        await auth.log_in(email)


async def test_two_services_send_each_mail_once(alone: Auth) -> None:
    addresses = [unique_email() for _ in range(24)]
    for address in addresses:
        await enqueue(alone, address)
    async with mail_server() as mail, beside(alone, mail.port), beside(alone, mail.port):
        await eventually(lambda: is_empty(alone))
        assert sorted(each.recipient for each in mail.received) == sorted(addresses)
        assert len({each.message["Message-ID"] for each in mail.received}) == len(addresses)


async def test_what_is_refused_for_good_is_given_up_and_what_is_not_is_tried_again(alone: Auth) -> None:
    gone, busy, late, strange = (f"{name}@example.org" for name in ("gone", "busy", "late", "strange"))
    for address in (gone, busy, late):
        await enqueue(alone, address)
    await alone.pool.execute("UPDATE mails SET give_up_at = clock_timestamp() WHERE address = $1", late)
    # Of a newer release's kind, or asked for by nobody who has an account.
    await alone.pool.execute(
        "INSERT INTO mails VALUES ($1, 'unheard_of', NULL, $2, now(), now(), 'infinity')", uuid4(), strange
    )
    await enqueue(alone, "nobody@example.org", MailKind.RESET)
    async with mail_server() as mail:
        mail.refuse.update({gone: "550 no such user", busy: "450 later"})
        async with beside(alone, mail.port):
            tried = "SELECT count(*) FROM mails WHERE attempts > 1 AND last_error = 'recipient_refused_450'"
            await eventually(lambda: _is(alone.pool.fetchval(tried), 1))
            mail.refuse.pop(busy)
            await mail.wait_for(busy)
            left = "SELECT array_agg(address) FROM mails"
            await eventually(lambda: _is(alone.pool.fetchval(left), [strange]))
            assert [each.recipient for each in mail.received] == [busy]


def post(mail: MailServer, **changes: Any) -> Post:
    fields: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": mail.port,
        "security": "starttls",
        "username": "tseeder",
        "password": "sesame",
        "ca_file": None,
        "sender": "tseeder <no-reply@example.org>",
        "seconds": 5.0,
    }
    return Post(Server(**{**fields, **changes}))


async def test_by_starttls_or_not_at_all(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    async with mail_server(tls=tls) as secured, mail_server() as bare:
        for server in (post(secured), post(bare, ca_file=certificate), post(bare, security="tls")):
            with pytest.raises(MailRefusedError) as caught:
                await server.send(LETTER)
            assert not caught.value.permanent
        assert (secured.received, bare.received) == ([], [])
        await post(secured, ca_file=certificate).send(LETTER)
        received = await secured.wait_for(LETTER.recipient)
        assert secured.logins == ["tseeder:sesame"]
        assert (received.message["Subject"], received.text, received.html) == ("Grüße", "text\n", "<p>html</p>\n")


@pytest.mark.parametrize("kind", MailKind)
@pytest.mark.parametrize("known", [True, False])
def test_every_kind_has_a_text_that_is_safe_as_html(kind: MailKind, known: bool) -> None:
    letters = Letters("https://tseeder.example.org", "https://app.example.org/") if known else Letters("", "")
    token = "T" * 43 if kind in TOKENS else ""
    address = parse_email("a&b'<i>@bücher.example".replace("<i>", "{{x}}"))
    letter = letters.write(Mail(uuid4(), kind, None, address.shown, 1), address, token)
    assert letter.recipient == "a&b'{{x}}@xn--bcher-kva.example"
    assert letter.subject
    assert "\n" not in letter.subject
    assert address.shown in letter.text
    assert "a&amp;b&#39;{{x}}@bücher.example" in letter.html
    assert ("https://tseeder.example.org" in letter.text) == known
    assert letter.text.count(f"#token={token}") == (1 if token and known else 0)
    assert (f"\n\n{token}\n\n" in letter.text) == bool(token)


async def _is(found: Any, wanted: object) -> bool:
    return bool(await found == wanted)
