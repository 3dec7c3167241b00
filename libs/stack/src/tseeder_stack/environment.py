"""The settings that each service gets from the launcher: the one table of them.

A new setting of a service: add a line to that service's function here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tseeder_stack.mail import MailServer
from tseeder_stack.options import SCHEMAS, kind_of
from tseeder_stack.s3 import S3Server
from tseeder_stack.secrets import Secrets

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Parts:
    """What the services' settings are composed of."""

    state: Path
    secrets: Secrets
    database_urls: Mapping[str, str] = field(repr=False)  # by service
    nats_url: str = field(repr=False)
    s3: S3Server
    ports: Mapping[str, int]  # "<service>.rpc", "<service>.ops", "gateway.http"
    log_level: str = "info"
    mail: MailServer | None = None


def of_service(name: str, parts: Parts) -> dict[str, str]:
    """The environment of `name` ("jobs", "agent-2"), without the launcher's own: `TSEEDER_<SERVICE>_<FIELD>`."""
    service = kind_of(name)
    fields = _common(name, service, parts) | _own(name, service, parts)
    return {f"TSEEDER_{service.upper()}_{key}": value for key, value in fields.items()} | _loopback()


def port_names(names: Sequence[str]) -> tuple[str, ...]:
    """The ports of a stack with the services `names`, as `Parts.ports` calls them."""
    # Those with a gRPC server are listed also where they are left out: their address is a setting of others.
    return ("gateway.http", *(f"{name}.ops" for name in names), *(f"{name}.rpc" for name in SCHEMAS))


def target(service: str, parts: Parts) -> str:
    """The address of a service's gRPC server."""
    return f"{HOST}:{parts.ports[f'{service}.rpc']}"


def _common(name: str, service: str, parts: Parts) -> dict[str, str]:
    fields = {"HOST": HOST, "OPS_PORT": str(parts.ports[f"{name}.ops"]), "LOG_LEVEL": parts.log_level}
    if service not in ("gateway", "agent"):  # auth tells the gateway who calls; nobody calls an agent
        fields["IDENTITY_PUBLIC_KEYS"] = str(parts.secrets.identity_public_keys())
    if service not in ("billing", "admin"):  # they neither ring nor listen
        fields["NATS_URL"] = parts.nats_url
    if f"{name}.rpc" in parts.ports:
        fields["RPC_PORT"] = str(parts.ports[f"{name}.rpc"])
    if service in SCHEMAS:
        fields["DATABASE_URL"] = parts.database_urls[service]
    return fields


def _own(name: str, service: str, parts: Parts) -> dict[str, str]:
    match service:
        case "auth":
            return _auth(parts)
        case "billing":
            return {"AUTH_TARGET": target("auth", parts), "AUTH_FEED_TOKEN": parts.secrets.text("billing-feed")}
        case "jobs":
            return _jobs(parts)
        case "agent":
            return _agent(name, parts)
        case "gateway":
            targets = {
                f"{other.upper()}_TARGET": target(other, parts) for other in ("auth", "jobs", "billing", "admin")
            }
            return {**targets, "HTTP_PORT": str(parts.ports["gateway.http"]), "INSECURE_HTTP": "true"}
        case "admin":
            return {f"{other.upper()}_TARGET": target(other, parts) for other in ("auth", "jobs")}
        case _:
            return {}


def _auth(parts: Parts) -> dict[str, str]:
    return {
        "IDENTITY_PRIVATE_KEY": str(parts.secrets.identity_private_key()),
        "CRYPTO_KEYS": str(parts.secrets.path("auth-crypto-keys")),
        "JOBS_FEED_TOKEN": parts.secrets.text("jobs-feed"),
        "BILLING_FEED_TOKEN": parts.secrets.text("billing-feed"),
        "CRYPTO_GENERATE": "true",
        "OPERATORS_NEED_SECOND_FACTOR": "false",  # it is one's own machine
        "PUBLIC_URL": f"http://{HOST}:{parts.ports['gateway.http']}",
        **({} if parts.mail is None else {**parts.mail.settings(), "REGISTRATION_OPEN": "true"}),
    }


def _jobs(parts: Parts) -> dict[str, str]:
    return {
        "S3_ENDPOINT": parts.s3.endpoint,
        "S3_REGION": parts.s3.region,
        "S3_BUCKET": parts.s3.bucket,
        "S3_ACCESS_KEY": parts.s3.jobs.access,
        "S3_SECRET_KEY": parts.s3.jobs.secret,
        "AGENT_JOIN_SECRET": parts.secrets.text("agent-join"),
        "CRYPTO_KEYS": str(parts.secrets.path("crypto-keys")),
        "CRYPTO_GENERATE": "true",
        "ADMIT_PRIVATE_HOSTS": "true",
        "BILLING_TARGET": target("billing", parts),
        "AUTH_TARGET": target("auth", parts),
        "AUTH_FEED_TOKEN": parts.secrets.text("jobs-feed"),
        **_ffprobe(),
    }


def _ffprobe() -> dict[str, str]:
    """Where there is one, files have media facts."""
    found = shutil.which("ffprobe")
    return {"FFPROBE": found} if found else {}


def _agent(name: str, parts: Parts) -> dict[str, str]:
    return {
        "AGENT_ID": name,
        "JOBS_TARGET": target("jobs", parts),
        "JOIN_SECRET": parts.secrets.text("agent-join"),
        "S3_ENDPOINT": parts.s3.endpoint,
        "S3_REGION": parts.s3.region,
        "S3_BUCKET": parts.s3.bucket,
        "S3_ACCESS_KEY": parts.s3.agent.access,
        "S3_SECRET_KEY": parts.s3.agent.secret,
        "SCRATCH_DIR": str(parts.state / "scratch" / name),
        "ADMIT_LOOPBACK": "true",
        # rclone stalls parts that come far out of order.
        "UPLOAD_REACH_PARTS": "16" if parts.s3.kind == "rclone" else "0",
    }


def _loopback() -> dict[str, str]:
    """gRPC and others would ask a proxy, where one is set, for addresses on loopback too."""
    named = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    value = ",".join(filter(None, (named, "127.0.0.1", "localhost")))
    return {"no_proxy": value, "NO_PROXY": value, "PYTHONUNBUFFERED": "1"}
