"""The auth service's settings: `TSEEDER_AUTH_<FIELD>`, or `TSEEDER_<FIELD>` for what services share."""

from datetime import timedelta
from pathlib import Path

from tseeder_auth.domain.accounts import LoginRules
from tseeder_kit import settings as kit
from tseeder_kit.settings import Field, NatsUrl, PostgresUrl, SecretStr
from tseeder_kit.throttle import Policy


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
