"""What tseeder mails to people."""

from enum import StrEnum


class MailKind(StrEnum):
    """One template each."""

    VERIFY = "verify"
    ALREADY_REGISTERED = "already_registered"
    RESET = "reset"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 (no password)
    FACTOR_ON = "factor_on"
    FACTOR_OFF = "factor_off"
    ACCOUNT_DELETED = "account_deleted"
