"""The rules of accounts that people make for themselves."""

from dataclasses import dataclass

from tseeder_kit.errors import FieldError, forbidden, invalid
from tseeder_kit.throttle import Policy


@dataclass(frozen=True, slots=True)
class RegistrationRules:
    """Whether one can, on what terms, and how asking for mails is slowed down."""

    is_open: bool
    terms_version: str
    terms_url: str  # "": there is no page of them
    mail_account: Policy  # mails to one address, whether it has an account or not
    mail_address: Policy  # mails asked for from one network address

    def check_open(self, accepted_terms_version: str) -> None:
        """Raises FORBIDDEN `registration_closed`; INVALID `terms_not_accepted` for other terms than today's."""
        if not self.is_open:
            raise forbidden("registration_closed", "Accounts are made by the operators here.")
        if accepted_terms_version != self.terms_version:
            message = "The acceptable-use terms have to be accepted, in their present version."
            error = FieldError("accepted_terms_version", "terms_not_accepted", message)
            raise invalid("terms_not_accepted", message, fields=[error], terms_version=self.terms_version)
