"""The auth service's settings: `TSEEDER_AUTH_<FIELD>`, or `TSEEDER_<FIELD>` for what services share."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, field_validator, model_validator

from tseeder_auth.domain.accounts import LoginRules
from tseeder_auth.domain.oidc import is_allowed_url
from tseeder_kit import settings as kit
from tseeder_kit.settings import Field, NatsUrl, PostgresUrl, SecretStr
from tseeder_kit.throttle import Policy


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

    session_lifetime_seconds: float = Field(30 * 86400, gt=0, description="a session ends after this, used or not")
    session_idle_seconds: float = Field(7 * 86400, gt=0, description="a session ends when it was not used for this")
    touch_seconds: float = Field(60, ge=0, description="a use of a session or key is written at most this often")
    bootstrap_token_seconds: float = Field(900, gt=0, description="how long the token for the first admin is good")

    login_account_free_failures: int = Field(10, ge=1, description="failed sign-ins per account before waits begin")
    login_address_free_failures: int = Field(100, ge=1, description="failed sign-ins per address before waits begin")
    login_first_wait_seconds: float = Field(1, gt=0, description="the first wait; each further failure doubles it")
    login_longest_wait_seconds: float = Field(900, gt=0, description="no wait is longer")
    login_forget_seconds: float = Field(3600, gt=0, description="after this much quiet all failures are forgotten")

    password_hash_workers: int = Field(2, ge=1, le=64, description="threads that hash passwords, 19 MiB each")
    password_hash_places: int = Field(128, ge=1, description="sign-ins under way at once, the rest is told to wait")
    registration_open: bool = Field(False, description="whether people may make accounts for themselves")
    oidc_providers: tuple[OidcProvider, ...] = Field(
        (),
        description="providers of OpenID Connect as a JSON list of objects: name, title, issuer, client_id, "
        "client_secret, scopes (`openid email` if left out); better in a file, since it holds secrets",
    )
    oidc_seconds: float = Field(5, gt=0, le=30, description="how long a provider may take for one answer")

    relay_seconds: float = Field(1, gt=0, description="how often new events get their number")
    sweep_seconds: float = Field(300, gt=0, description="how often what is over is deleted")

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
        )

    def _policy(self, free_failures: int) -> Policy:
        return Policy(
            free_failures=free_failures,
            first_wait=timedelta(seconds=self.login_first_wait_seconds),
            longest_wait=timedelta(seconds=self.login_longest_wait_seconds),
            forget=timedelta(seconds=self.login_forget_seconds),
        )
