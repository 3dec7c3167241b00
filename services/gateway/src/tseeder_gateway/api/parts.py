"""What routes work with; made once by `main`, found through the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from tseeder_gateway.adapters.admin import Admin
from tseeder_gateway.adapters.auth import Auth
from tseeder_gateway.adapters.billing import Billing
from tseeder_gateway.adapters.grants import Grants
from tseeder_gateway.adapters.job_topics import JobTopics
from tseeder_gateway.adapters.jobs import Jobs
from tseeder_gateway.adapters.links import Links
from tseeder_gateway.adapters.oidc import Oidc
from tseeder_gateway.adapters.registration import Registration
from tseeder_gateway.domain.memory_budget import MemoryBudget
from tseeder_gateway.domain.rate_limit import RateLimit
from tseeder_gateway.settings import Settings
from tseeder_gateway.usecases.authenticate import Authenticate
from tseeder_gateway.usecases.open_archive import Archives
from tseeder_gateway.usecases.open_content import Readers
from tseeder_gateway.usecases.read_subtitles import Converted
from tseeder_gateway.usecases.stream_slots import StreamSlots
from tseeder_kit.telemetry import Check


@dataclass(frozen=True)
class Parts:
    """One gateway."""

    settings: Settings
    auth: Auth
    registration: Registration
    oidc: Oidc
    jobs: Jobs
    links: Links
    grants: Grants
    billing: Billing
    admin: Admin
    readers: Readers
    archives: Archives
    converted: Converted
    topics: JobTopics
    authenticate: Authenticate
    callers: RateLimit
    strangers: RateLimit
    streams: StreamSlots
    warm_ups: StreamSlots
    memory: MemoryBudget
    checks: Mapping[str, Check]


def parts_of(connection: HTTPConnection) -> Parts:
    """The parts of the gateway that serves this request."""
    parts: Parts = connection.app.state.parts
    return parts
