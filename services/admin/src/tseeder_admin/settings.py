"""The admin service's settings: `TSEEDER_ADMIN_<FIELD>`, or `TSEEDER_<FIELD>` for what services share."""

from pathlib import Path

from pydantic import ValidationInfo, field_validator

from tseeder_kit import settings as kit
from tseeder_kit.settings import Field, PostgresUrl, Target


class Settings(kit.Settings):
    """Read once, at the start. Durations are seconds."""

    rpc_port: int = Field(0, ge=0, le=65535, description="port of the gRPC server; 0 takes a free one")
    database_url: PostgresUrl = Field(description="postgresql:// URL of this service's role")
    identity_public_keys: Path = Field(description="path of the PEM bundle that verifies identity tokens")
    auth_target: Target = Field(description="host:port of auth's gRPC server")
    jobs_target: Target = Field(description="host:port of jobs' gRPC server")

    effect_seconds: float = Field(10, gt=0, description="how long a call that carries out an act may take")
    settle_seconds: float = Field(
        60, gt=0, description="an act that is open for longer than this was interrupted; longer than EFFECT_SECONDS"
    )
    sweep_seconds: float = Field(15, gt=0, description="how often acts that were interrupted are looked for")

    @field_validator("settle_seconds")
    @classmethod
    def _outlasts_an_effect(cls, value: float, info: ValidationInfo) -> float:
        if value <= info.data.get("effect_seconds", 0):
            raise ValueError("should be above EFFECT_SECONDS")
        return value
