"""The jobs service's settings: `TSEEDER_JOBS_<FIELD>`, or `TSEEDER_<FIELD>` for what services share."""

from pathlib import Path
from typing import Literal

from pydantic import FilePath, ValidationInfo, field_validator

from tseeder_kit import settings as kit
from tseeder_kit.settings import Field, NatsUrl, PostgresUrl, SecretStr, Target

MIB = 1024 * 1024


class Settings(kit.Settings):
    """Read once, at the start. Durations are seconds, sizes bytes."""

    rpc_port: int = Field(0, ge=0, le=65535, description="port of the gRPC server; 0 takes a free one")
    database_url: PostgresUrl = Field(description="postgresql:// URL of this service's role")
    nats_url: NatsUrl = Field(SecretStr("nats://127.0.0.1:4222"), description="nats:// URL of the doorbell")
    identity_public_keys: Path = Field(description="path of the PEM bundle that verifies identity tokens")
    billing_target: Target = Field(description="host:port of the billing service's gRPC server")
    auth_target: Target | None = Field(
        None,
        description="host:port of the auth service's gRPC server; none: nothing is heard of suspended and deleted "
        "accounts",
    )
    auth_feed_token: SecretStr | None = Field(
        None, min_length=16, description="what auth's feed opens to: the same as auth's JOBS_FEED_TOKEN"
    )
    accounts_seconds: float = Field(2, gt=0, description="how often auth's feed is read, rung for or not")
    agent_join_secret: SecretStr = Field(min_length=16, description="what agents register with, 16 characters or more")

    s3_endpoint: str = Field(pattern=r"^https?://", description="http(s):// URL of the S3 server, as services reach it")
    s3_public_endpoint: str | None = Field(
        None, pattern=r"^https?://", description="http(s):// URL of the S3 server as users reach it; none: no redirects"
    )
    s3_agent_endpoint: str | None = Field(
        None,
        pattern=r"^https?://",
        description="http(s):// URL of the S3 server as agents reach it, for what is presigned to them; "
        "none: as services do",
    )
    s3_region: str = Field("us-east-1", description="the region that requests are signed for")
    s3_bucket: str = Field(min_length=3, description="the bucket that holds the objects, 3 characters or more")
    s3_access_key: str = Field(description="the access key that may open, complete, abort, list, read and delete")
    s3_secret_key: SecretStr = Field(description="the secret of S3_ACCESS_KEY")
    s3_timeout_seconds: float = Field(60, gt=0, description="how long one answer of the S3 server may take")
    presign_seconds: int = Field(600, ge=10, le=3600, description="how long a presigned URL is good")
    agent_writes: Literal["key", "presigned"] = Field(
        "key", description="how agents write to S3: with a key of their own, or by URLs that this service presigns"
    )
    presign_write_seconds: int = Field(
        600, ge=1, le=600, description="how long a URL that is presigned for an agent's write is good"
    )
    s3_part_checksums: bool = Field(
        False,
        description="whether bytes go up with their CRC32, for the S3 server to check and to tell again "
        "(AWS S3, R2 and others; where a server does not know it, leave it off)",
    )
    upload_lifetime_days: int = Field(
        30,
        ge=0,
        le=3650,
        description="the bucket itself aborts uploads after this, by a lifecycle rule that is set; 0: no rule is set",
    )

    crypto_keys: Path = Field(description="path of the key file that opens what is encrypted in the database")
    crypto_generate: bool = Field(
        False, description="whether a missing key file is made, as long as the database holds nothing encrypted"
    )

    dedupe: Literal["global", "user", "off"] = Field(
        "global",
        description="who shares a public torrent's transfer and objects: all users, one user's jobs, nobody; "
        "a change leaves what is there as it is",
    )
    admit_private_hosts: bool = Field(
        False, description="whether magnets and torrents may name loopback and private hosts: for one-machine stacks"
    )
    part_size_bytes: int = Field(
        8 * MIB, ge=5 * MIB, le=512 * MIB, description="bytes of an upload's parts, unless the file needs larger ones"
    )
    max_attempts: int = Field(5, ge=1, description="how many attempts a transfer may spend before it fails")
    backoff_seconds: float = Field(
        30,
        gt=0,
        description="how long a transfer waits after its first spent attempt; after each other one twice as long",
    )
    backoff_longest_seconds: float = Field(3600, gt=0, description="it waits no longer than this for its next attempt")
    max_deaths: int = Field(
        10,
        ge=1,
        description="a transfer fails after so many leases in a row that ended with their agent, without progress",
    )
    idempotency_hours: float = Field(24, ge=24, description="how long a submit's Idempotency-Key is remembered")

    heartbeat_seconds: float = Field(10, gt=0, description="how often an agent names its leases")
    self_stop_seconds: float = Field(40, gt=0, description="an agent stops by itself so long after its last renewal")
    lease_seconds: float = Field(60, gt=0, description="a lease that is not renewed ends after this")
    agent_credential_seconds: float = Field(900, gt=0, description="how long an agent's credential is good")
    metadata_timeout_seconds: float | None = Field(
        None, gt=0, description="no plan lets an attempt look for metadata for longer; none: as the plans say"
    )
    stall_timeout_seconds: float | None = Field(
        None, gt=0, description="no plan lets an attempt go without a useful byte for longer; none: as the plans say"
    )

    relay_seconds: float = Field(1, gt=0, description="how often new events get their number")
    sweep_seconds: float = Field(10, gt=0, description="how often what was left lying is looked for")
    completing_seconds: float = Field(30, gt=0, description="a completion without outcome is carried on after this")
    upload_grace_seconds: float = Field(3600, ge=0, description="an upload that nobody wants is aborted after this")
    orphan_seconds: float = Field(
        1800, gt=0, description="an object that no row owns is looked at when it is older than this"
    )
    delete_unknown_objects: bool = Field(
        False,
        description="whether objects under keys like ours that the database never heard of are deleted: "
        "only where nothing else writes to the bucket",
    )
    delete_again_seconds: float = Field(
        300, gt=0, description="a deleted key is deleted again so often, until no write to it can be under way"
    )
    retention_notice_days: float = Field(
        3, gt=0, description="a file ends by its plan's retention no sooner after its owner was warned than this"
    )
    lost_objects_limit: int = Field(
        0,
        ge=0,
        description="how many stored objects a walk through the bucket may miss and give up by itself; more are "
        "only counted and told, since a wrong bucket looks just so; 0: that is for an operator to do",
    )
    feed_readers: tuple[str, ...] = Field((), description="comma-separated names of those who read this feed")
    feed_silent_days: float = Field(7, gt=0, description="a reader that is silent for longer is dropped")

    ffprobe: FilePath | None = Field(
        None,
        description="path of FFmpeg's ffprobe (5 or later), which tells what is in video and audio files; "
        "none: files have no media facts",
    )
    parser_processes: int = Field(2, ge=1, le=32, description="processes that parse torrents, started beforehand")
    parse_seconds: float = Field(5, gt=0, description="a parser that takes longer is killed")
    parse_memory_bytes: int = Field(512 * MIB, ge=64 * MIB, description="address space that a parser may take")
    entitlements_cache_seconds: float = Field(5, ge=0, description="how long billing's answer about a user is good")

    @field_validator("auth_feed_token")
    @classmethod
    def _opens_a_feed(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if (value is None) != (info.data.get("auth_target") is None):
            raise ValueError("must be set where AUTH_TARGET is, and only there")
        return value

    @field_validator("self_stop_seconds")
    @classmethod
    def _stops_after_a_beat(cls, value: float, info: ValidationInfo) -> float:
        if value <= info.data.get("heartbeat_seconds", 0):
            raise ValueError("must be above HEARTBEAT_SECONDS")
        return value

    @field_validator("lease_seconds")
    @classmethod
    def _outlives_its_agent(cls, value: float, info: ValidationInfo) -> float:
        if value <= info.data.get("self_stop_seconds", 0):
            raise ValueError("must be above SELF_STOP_SECONDS")
        return value
