"""The auth service's settings: `TSEEDER_AUTH_<FIELD>`, or `TSEEDER_<FIELD>` for what services share."""

from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, field_validator, model_validator

from tseeder_auth.domain.accounts import LoginRules
from tseeder_auth.domain.human_check import Site
from tseeder_auth.domain.mails import Retries, Security, Server
from tseeder_auth.domain.oidc import is_allowed_url
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_kit import settings as kit
from tseeder_kit.settings import Field, NatsUrl, PostgresUrl, SecretStr
from tseeder_kit.throttle import Policy


def _sender(text: str) -> str:
    name, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    if not (local and domain and text.isascii() and text.isprintable()) or "@" in name:
        raise ValueError("should be an address, or a name with an address in <>, in ASCII")
    return text


Sender = Annotated[str, AfterValidator(_sender)]


def _issuer(text: str) -> str:
    if not is_allowed_url(text) or "?" in text:
        raise ValueError("an issuer is an https:// URL (http:// on loopback only) without a query")
    return text


class OidcProvider(BaseModel):
    """A provider of sign-ins, as an operator names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="in the routes, and with what is linked")
    title: str = Field(min_length=1, max_length=64, description="on the button")
    issuer: Annotated[str, AfterValidator(_issuer)] = Field(description="exactly as the provider says it")
    client_id: str = Field(min_length=1, max_length=512)
    client_secret: SecretStr = Field(min_length=1)
    scopes: tuple[str, ...] = Field(("openid", "email"), min_length=1)

    @model_validator(mode="after")
    def _asks_for_an_id_token(self) -> Self:
        if "openid" not in self.scopes:
            raise ValueError("scopes should hold openid")
        return self


class Settings(kit.Settings):
    """Read once, at the start. Durations are seconds."""

    rpc_port: int = Field(0, ge=0, le=65535, description="port of the gRPC server; 0 takes a free one")
    database_url: PostgresUrl = Field(description="postgresql:// URL of this service's role")
    nats_url: NatsUrl = Field(SecretStr("nats://127.0.0.1:4222"), description="nats:// URL of the doorbell")
    identity_public_keys: Path = Field(description="path of the PEM bundle that verifies identity tokens")
    identity_private_key: Path = Field(description="path of the PEM file (PKCS 8, Ed25519) that signs them")

    crypto_keys: Path = Field(description="path of the key file that opens second factors in the database")
    crypto_generate: bool = Field(
        False, description="whether a missing key file is made, as long as the database holds no second factor"
    )

    session_lifetime_seconds: float = Field(30 * 86400, gt=0, description="a session ends after this, used or not")
    session_idle_seconds: float = Field(7 * 86400, gt=0, description="a session ends when it was not used for this")
    touch_seconds: float = Field(60, ge=0, description="a use of a session or key is written at most this often")
    bootstrap_token_seconds: float = Field(900, gt=0, description="how long the token for the first admin is good")

    login_account_free_failures: int = Field(10, ge=1, description="failed sign-ins per account before waits begin")
    login_address_free_failures: int = Field(100, ge=1, description="failed sign-ins per address before waits begin")
    factor_free_failures: int = Field(
        5, ge=1, description="wrong codes of a second factor per account before waits begin"
    )
    login_first_wait_seconds: float = Field(1, gt=0, description="the first wait; each further failure doubles it")
    login_longest_wait_seconds: float = Field(900, gt=0, description="no wait is longer")
    login_forget_seconds: float = Field(3600, gt=0, description="after this much quiet all failures are forgotten")

    operators_need_second_factor: bool = Field(
        True, description="whether operators without a second factor hold no scope beyond their own account"
    )
    totp_issuer: str = Field("tseeder", min_length=1, max_length=64, description="what authenticator apps show")
    totp_enrolment_seconds: float = Field(
        3600, gt=0, description="a second factor that is not confirmed within this is forgotten"
    )
    security_event_days: int = Field(400, ge=1, description="security events are kept for this")

    password_hash_workers: int = Field(2, ge=1, le=64, description="threads that hash passwords, 19 MiB each")
    password_hash_places: int = Field(128, ge=1, description="sign-ins under way at once, the rest is told to wait")
    public_url: str | None = Field(
        None, pattern=r"^https?://", description="http(s):// origin where people reach the API; mails name it"
    )
    app_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="http(s):// URL of a web app with pages verify-email and reset-password, to which mails link; "
        "none: mails hold the token only",
    )
    registration_open: bool = Field(False, description="whether people may make accounts for themselves")
    terms_version: str = Field("1", description="version of the acceptable-use terms that a registration accepts")
    terms_url: str | None = Field(None, pattern=r"^https?://", description="http(s):// URL where they can be read")

    human_check: Literal["none", "turnstile"] = Field(
        "none", description="who checks that a person registers, or asks for a mail"
    )
    turnstile_site_key: str | None = Field(None, description="Turnstile's public key, for pages")
    turnstile_secret: SecretStr | None = Field(None, description="Turnstile's secret key")
    turnstile_hostnames: tuple[str, ...] = Field((), description="hosts whose pages may show the check")
    turnstile_url: str = Field(
        "https://challenges.cloudflare.com/turnstile/v0/siteverify",
        pattern=r"^https?://",
        description="http(s):// URL that verifies its tokens",
    )
    human_check_seconds: float = Field(5, gt=0, description="how long the check may take, a second try included")

    smtp_host: str | None = Field(None, description="the mail server; none: mails wait, and are given up in the end")
    smtp_port: int = Field(587, ge=1, le=65535, description="its port")
    smtp_security: Security = Field("starttls", description="how the connection is protected")
    smtp_username: str | None = Field(None, description="whom to sign in as at the mail server; none: as nobody")
    smtp_password: SecretStr | None = Field(None, description="the password for that")
    smtp_ca_file: Path | None = Field(None, description="path of the PEM bundle to trust; none: the system's")
    smtp_seconds: float = Field(30, gt=0, le=300, description="how long handing in one mail may take")
    mail_from: Sender | None = Field(None, description="whom mails are from: an address, or Name <address>")
    mail_seconds: float = Field(1, gt=0, description="how often the outbox is looked at")
    mail_first_retry_seconds: float = Field(10, gt=0, description="the first wait after a failure; each doubles it")
    mail_longest_retry_seconds: float = Field(3600, gt=0, description="no wait is longer; after 3 days it is given up")
    mail_account_free: int = Field(3, ge=1, description="mails on request to one recipient before waits begin")
    mail_address_free: int = Field(30, ge=1, description="requests for mails from one address before waits begin")
    mail_first_wait_seconds: float = Field(60, gt=0, description="the first wait; each further request doubles it")
    mail_longest_wait_seconds: float = Field(3600, gt=0, description="no wait is longer")
    mail_forget_seconds: float = Field(6 * 3600, gt=0, description="after this much quiet requests are forgotten")

    oidc_providers: tuple[OidcProvider, ...] = Field(
        (),
        description="providers of OpenID Connect as a JSON list of objects: name, title, issuer, client_id, "
        "client_secret, scopes (`openid email` if left out); better in a file, since it holds secrets",
    )
    oidc_seconds: float = Field(5, gt=0, le=30, description="how long a provider may take for one answer")

    relay_seconds: float = Field(1, gt=0, description="how often new events get their number")
    sweep_seconds: float = Field(300, gt=0, description="how often what is over is deleted")

    jobs_feed_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="what the jobs service reads this service's feed with, 16 characters or more; none: it may not",
    )

    billing_feed_token: SecretStr | None = Field(
        None, min_length=16, description="what the billing service asks with which accounts there are; none: it may not"
    )

    def feed_tokens(self) -> dict[str, str]:
        """The services that may call the feed, and what each proves itself with."""
        tokens = {"jobs": self.jobs_feed_token, "billing": self.billing_feed_token}
        return {name: token.get_secret_value() for name, token in tokens.items() if token is not None}

    def feed_readers(self) -> tuple[str, ...]:
        """Those of them that keep a place in it; billing only asks what there is."""
        return () if self.jobs_feed_token is None else ("jobs",)

    @field_validator("oidc_providers")
    @classmethod
    def _named_once(cls, value: tuple[OidcProvider, ...]) -> tuple[OidcProvider, ...]:
        if len({provider.name for provider in value}) < len(value):
            raise ValueError("should have each name once")
        return value

    def login_rules(self) -> LoginRules:
        """The rules that these settings make."""
        return LoginRules(
            session_lifetime=timedelta(seconds=self.session_lifetime_seconds),
            session_idle=timedelta(seconds=self.session_idle_seconds),
            touch_interval=timedelta(seconds=self.touch_seconds),
            account=self._policy(self.login_account_free_failures),
            address=self._policy(self.login_address_free_failures),
            factor=self._policy(self.factor_free_failures),
            operators_need_factor=self.operators_need_second_factor,
            enrolment=timedelta(seconds=self.totp_enrolment_seconds),
            events_kept=timedelta(days=self.security_event_days),
        )

    def _policy(self, free_failures: int) -> Policy:
        return Policy(
            free_failures=free_failures,
            first_wait=timedelta(seconds=self.login_first_wait_seconds),
            longest_wait=timedelta(seconds=self.login_longest_wait_seconds),
            forget=timedelta(seconds=self.login_forget_seconds),
        )

    def registration_rules(self) -> RegistrationRules:
        """The rules of accounts that people make for themselves."""
        return RegistrationRules(
            is_open=self.registration_open,
            terms_version=self.terms_version,
            terms_url=self.terms_url or "",
            mail_account=self._mail_policy(self.mail_account_free),
            mail_address=self._mail_policy(self.mail_address_free),
        )

    def _mail_policy(self, free: int) -> Policy:
        return Policy(
            free_failures=free,
            first_wait=timedelta(seconds=self.mail_first_wait_seconds),
            longest_wait=timedelta(seconds=self.mail_longest_wait_seconds),
            forget=timedelta(seconds=self.mail_forget_seconds),
        )

    def mail_server(self) -> Server | None:
        """Where mails are handed in, if anywhere."""
        if self.smtp_host is None or self.mail_from is None:
            return None
        return Server(
            host=self.smtp_host,
            port=self.smtp_port,
            security=self.smtp_security,
            username=self.smtp_username or "",
            password=self.smtp_password.get_secret_value() if self.smtp_password else "",
            ca_file=self.smtp_ca_file,
            sender=self.mail_from,
            seconds=self.smtp_seconds,
        )

    def mail_retries(self) -> Retries:
        """How often a mail is tried."""
        return Retries(
            timedelta(seconds=self.mail_first_retry_seconds), timedelta(seconds=self.mail_longest_retry_seconds)
        )

    def turnstile_site(self) -> Site | None:
        """The account at Turnstile, if it is asked."""
        if self.human_check != "turnstile" or self.turnstile_secret is None:
            return None
        return Site(
            url=self.turnstile_url,
            secret=self.turnstile_secret.get_secret_value(),
            hostnames=frozenset(name.lower() for name in self.turnstile_hostnames),
            seconds=self.human_check_seconds,
        )

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.smtp_host is not None and self.mail_from is None:
            raise ValueError("SMTP_HOST needs MAIL_FROM")
        if (self.smtp_username is None) != (self.smtp_password is None):
            raise ValueError("SMTP_USERNAME and SMTP_PASSWORD belong together")
        if self.registration_open and self.smtp_host is None:
            raise ValueError("REGISTRATION_OPEN needs SMTP_HOST: an account is good once a mail was answered")
        asked = (self.turnstile_site_key, self.turnstile_secret, self.turnstile_hostnames)
        if self.human_check == "turnstile" and not all(asked):
            raise ValueError("HUMAN_CHECK needs TURNSTILE_SITE_KEY, _SECRET and _HOSTNAMES")
        return self
