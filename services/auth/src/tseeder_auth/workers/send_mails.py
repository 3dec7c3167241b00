"""Sends what is in the outbox."""

from functools import partial

from tseeder_auth.usecases.deliver_mails import Office, deliver_due
from tseeder_kit.lifecycle import every
from tseeder_pg import Pool


async def send_mails(pool: Pool, office: Office, seconds: float) -> None:
    """Runs for ever; any number of replicas may."""
    await every(seconds, partial(deliver_due, pool, office), name="auth_send_mails")
