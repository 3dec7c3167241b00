"""Another mail for an address that is not confirmed yet."""

from tseeder_auth.domain.human_check import HumanCheck
from tseeder_auth.domain.mails import MailKind
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.usecases.ask_for_mail import MailRequest, ask_for_mail
from tseeder_pg import Pool


async def resend_verification(pool: Pool, rules: RegistrationRules, check: HumanCheck, wanted: MailRequest) -> None:
    """Mails a token that confirms the address, if a registration of this very mailbox waits for it: the newest. Whoever
    confirms says his password where there were several.

    Errors: those of `ask_for_mail`.
    """
    await ask_for_mail(pool, rules, check, wanted, action="resend", kind=MailKind.VERIFY)
