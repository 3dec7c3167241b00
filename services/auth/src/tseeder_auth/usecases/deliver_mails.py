"""The outbox: mails that are due are written, sent, and tried again where that fails."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tseeder_auth.adapters.mail_templates import Letters
from tseeder_auth.adapters.smtp import MailRefusedError, Post
from tseeder_auth.domain.emails import parse_email
from tseeder_auth.domain.mails import TOKENS, Letter, Mail, MailKind, Retries
from tseeder_auth.domain.tokens import token_hash
from tseeder_auth.store import api_keys, mail_tokens, mails, pending_registrations, users
from tseeder_kit.ids import random_token
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter
from tseeder_pg import Pool, Tx, transaction

BATCH: Final = 8
_BEYOND_SENDING: Final = timedelta(seconds=90)  # more than a mail's transactions take, when they wait for everything

_mails = counter("auth_mails", "Mails by what became of a try", ("kind", "outcome"))
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Office:
    """What mails are written and sent with; no post: they wait, and are given up in the end."""

    letters: Letters
    post: Post | None
    retries: Retries


async def deliver_due(pool: Pool, office: Office) -> None:
    """Deals with what is due now, round by round. Any number of replicas may: each mail is claimed by one."""
    await _give_up_late(pool)
    claimed = BATCH
    while office.post is not None and claimed == BATCH:
        async with transaction(pool) as tx:
            due = await mails.claim_due(tx, office.post.longest + _BEYOND_SENDING, BATCH)
        claimed = len(due)
        ends = await asyncio.gather(
            *(_deliver(pool, office, office.post, mail) for mail in due), return_exceptions=True
        )
        for end in ends:
            if end is not None:
                raise end


async def _give_up_late(pool: Pool) -> None:
    async with transaction(pool) as tx:
        late = await mails.take_late(tx, BATCH)
    for kind, error in late:
        _given_up(kind, error or "never_tried")


async def _deliver(pool: Pool, office: Office, post: Post, mail: Mail) -> None:
    """A crash after the sending, and before the row is gone, sends it twice: with the same Message-ID."""
    async with transaction(pool) as tx:
        letter = await _write(tx, office.letters, mail)
        if letter is None:
            await mails.delete_mail(tx, mail.mail_id)
    if letter is None:
        _mails.labels(mail.kind, "moot").inc()
        return
    try:
        await post.send(letter)
    except MailRefusedError as exc:
        await _failed(pool, office.retries, mail, exc)
        return
    async with transaction(pool) as tx:
        await mails.delete_mail(tx, mail.mail_id)
    _mails.labels(mail.kind, "sent").inc()


async def _write(tx: Tx, letters: Letters, mail: Mail) -> Letter | None:
    """The letter, with a token of its own whose hash is kept; None if nobody waits for it (any more)."""
    if mail.kind is MailKind.VERIFY:
        return await _write_verification(tx, letters, mail)
    rule, token, address = TOKENS.get(mail.kind), "", mail.address
    if mail.user_id is not None:
        owner = await users.lock_credentials(tx, mail.user_id)
        if owner is None or not await mails.still_wanted(tx, mail.mail_id):
            return None
        # Never what was typed: there are many ways to write the same address, and some are another's mailbox.
        address = owner.user.email
    elif rule is not None:
        return None
    if rule is not None and mail.user_id is not None:
        token = random_token()
        await mail_tokens.insert_token(tx, token_hash(token), rule, mail.user_id)
    told = mail.user_id if mail.kind is MailKind.PASSWORD_CHANGED else None
    keys = 0 if told is None else await api_keys.count_keys(tx, told)
    return letters.write(mail, parse_email(address), token, keys)


async def _write_verification(tx: Tx, letters: Letters, mail: Mail) -> Letter | None:
    """To the mailbox that was registered: None if there is no such registration, or an account by now."""
    pending = None if mail.pending_id is None else await pending_registrations.hold_to_mail(tx, mail.pending_id)
    if pending is None or not await mails.still_wanted(tx, mail.mail_id):
        return None
    token = random_token()
    await pending_registrations.insert_token(
        tx, token_hash(token), pending.pending_id, TOKENS[MailKind.VERIFY].lifetime
    )
    return letters.write(mail, parse_email(pending.email), token)


async def _failed(pool: Pool, retries: Retries, mail: Mail, error: MailRefusedError) -> None:
    if error.permanent:
        async with transaction(pool) as tx:
            await mails.delete_mail(tx, mail.mail_id)
        _given_up(mail.kind, error.reason)
        return
    async with transaction(pool) as tx:
        await mails.postpone(tx, mail.mail_id, retries.wait_after(mail.attempts), error.reason)
    _mails.labels(mail.kind, "failed").inc()
    _log.warning("mail_failed", mail_kind=mail.kind, mail_id=str(mail.mail_id), reason=error.reason)


def _given_up(kind: str, reason: str) -> None:
    _mails.labels(kind, "given_up").inc()
    _log.error("mail_given_up", mail_kind=kind, reason=reason)
