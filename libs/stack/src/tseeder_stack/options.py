"""What can be chosen about a stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tseeder_stack.console import Console
from tseeder_stack.mail import MailServer
from tseeder_stack.s3 import S3Server

SERVICES = ("auth", "billing", "jobs", "admin", "gateway")
SCHEMAS = ("auth", "jobs", "billing", "admin")
S3Kind = Literal["auto", "rclone", "radosgw"]


@dataclass(frozen=True)
class StackOptions:
    """One stack. Everything of it (data, secrets, logs, stack.json) is in the folder `state`.

    `env` adds environment variables to a service by its name ("jobs", "agent-1"; "agent" means all agents).
    """

    state: Path
    agents: int = 1
    gateway_port: int = 0  # 0: last time's if it is free, else any free one
    services: tuple[str, ...] = SERVICES  # tests may want fewer
    s3: S3Kind = "auto"  # auto: RadosGW where its binaries are installed, else rclone
    external_s3: S3Server | None = None
    postgres_url: str | None = (
        None  # of an external Postgres, whose user may create roles, and schemas in that database
    )
    nats_url: str | None = None
    external_mail: MailServer | None = None  # None: mails land in the state folder
    env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    log_level: str = "info"
    safe: bool = True  # False is for tests: Postgres does not fsync
    ready_seconds: float = 60.0
    console: Console = field(default_factory=lambda: Console(None))


def kind_of(name: str) -> str:
    """The service that a program of the stack runs: "agent" for "agent-2", "jobs" for "jobs"."""
    return name.partition("-")[0]
