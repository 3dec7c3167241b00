"""Registration, mails with tokens, and passwords."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from tseeder.auth.v1 import registration_pb2 as pb
from tseeder_gateway.api.schemas.accounts import email, new_password
from tseeder_gateway.api.schemas.wire import RequestBody, View, described

_CHECKED: Final = "what the human check of `GET /v1/auth/config` gave; empty where there is none"


class RegisterBody(RequestBody):
    """An account to be made."""

    email: str = email()
    password: str = new_password()
    accepted_terms_version: str = described("the `terms_version` of `GET /v1/auth/config`, read and accepted")
    human_check_token: str = Field(default="", description=_CHECKED)


class MailRequestBody(RequestBody):
    """Where a mail with a token is wanted."""

    email: str = email()
    human_check_token: str = Field(default="", description=_CHECKED)


class VerifyEmailBody(RequestBody):
    """The token that stands in a mail."""

    token: str
    password: str = Field(
        default="",
        description="the one that the account is to have, in place of what was registered; needed where the address "
        "was registered with several",
    )


class NewPasswordBody(RequestBody):
    """The token that stands in a mail, and the password to be set."""

    token: str
    new_password: str = new_password()


class PasswordChangeBody(RequestBody):
    """The present password, and the one to be set. `code`: of the second factor, where there is one."""

    password: str = described("empty for an account without one, in a session of the last 10 minutes", maxLength=128)
    code: str = ""
    new_password: str = new_password()


class AcceptedView(View):
    """The same for everybody: what there is to say goes to the address by mail."""

    accepted: Literal[True] = True


class OidcProviderView(View):
    """Somebody else to sign in with."""

    name: str
    title: str = described("for people")


class AuthConfigView(View):
    """What a page has to know before anybody has signed in."""

    registration_open: bool
    human_check: str = described("who checks that a person asks", enum=["none", "turnstile"])
    human_check_site_key: str | None = Field(description="public key for that check; null without one")
    terms_version: str
    terms_url: str | None = Field(description="where the acceptable-use terms can be read; null if nowhere")
    oidc_providers: list[OidcProviderView]
    password_min_chars: int
    password_max_chars: int

    @classmethod
    def of(cls, config: pb.GetConfigResponse) -> AuthConfigView:
        """From auth's message."""
        return cls(
            registration_open=config.registration_open,
            human_check=config.human_check,
            human_check_site_key=config.human_check_site_key or None,
            terms_version=config.terms_version,
            terms_url=config.terms_url or None,
            oidc_providers=[OidcProviderView(name=each.name, title=each.title) for each in config.oidc_providers],
            password_min_chars=config.password_min_chars,
            password_max_chars=config.password_max_chars,
        )
