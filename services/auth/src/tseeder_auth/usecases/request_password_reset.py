"""The first half of another password for who has forgotten his."""

from tseeder_auth.domain.human_check import HumanCheck
from tseeder_auth.domain.mails import MailKind
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.usecases.ask_for_mail import MailRequest, ask_for_mail
from tseeder_pg import Pool


async def request_password_reset(pool: Pool, rules: RegistrationRules, check: HumanCheck, wanted: MailRequest) -> None:
    """Mails a token that sets a new password, if there is an account.

    Errors: those of `ask_for_mail`.
    """
    kind, event = MailKind.RESET, EventKind.RESET_REQUESTED
    await ask_for_mail(pool, rules, check, wanted, action="reset", kind=kind, event=event)
