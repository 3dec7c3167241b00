"""What every new password has to pass, whoever sets it."""

from tseeder_auth.adapters.breached_passwords import is_breached
from tseeder_auth.domain.passwords import check_new_password
from tseeder_kit.errors import FieldError, invalid


def accept_password(text: str) -> str:
    """The password in the form that is hashed.

    Errors: INVALID `password_too_long`, `password_too_short`, `password_breached`.
    """
    prepared = check_new_password(text)
    if is_breached(prepared):
        message = "This password is in lists that were stolen elsewhere, and would be guessed."
        raise invalid("password_breached", message, fields=[FieldError("password", "password_breached", message)])
    return prepared
