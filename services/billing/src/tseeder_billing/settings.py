"""The billing service's settings: `TSEEDER_BILLING_<FIELD>`, or `TSEEDER_<FIELD>` for what services share."""

from pathlib import Path

from tseeder_kit import settings as kit
from tseeder_kit.settings import Field, PostgresUrl, SecretStr, Target


class Settings(kit.Settings):
    """Read once, at the start."""

    rpc_port: int = Field(0, ge=0, le=65535, description="port of the gRPC server; 0 takes a free one")
    database_url: PostgresUrl = Field(description="postgresql:// URL of this service's role")
    identity_public_keys: Path = Field(description="path of the PEM bundle that verifies identity tokens")
    auth_target: Target | None = Field(
        default=None,
        description="host:port of the auth service's gRPC server; none: plans of deleted accounts are kept",
    )
    auth_feed_token: SecretStr | None = Field(
        default=None, min_length=16, description="what auth's feed opens to: the same as auth's BILLING_FEED_TOKEN"
    )
    sweep_seconds: float = Field(
        default=300, gt=0, description="how often those who are on a plan are compared with auth's accounts"
    )
