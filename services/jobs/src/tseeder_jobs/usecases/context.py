"""What the use cases of this service work with; main.py wires it, once."""

from __future__ import annotations

from asyncio import Event, Semaphore, Task
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from tseeder_bus import Bus
from tseeder_jobs.adapters.agent_reads import AgentReads
from tseeder_jobs.adapters.billing import Billing
from tseeder_jobs.adapters.crypto import Keyring
from tseeder_jobs.adapters.ffprobe import Prober
from tseeder_jobs.adapters.parser import ParserPool
from tseeder_jobs.adapters.s3 import Storage
from tseeder_jobs.adapters.scrypt import Scrypt
from tseeder_jobs.domain.agent_calls import CompletedFile
from tseeder_jobs.domain.leftovers import Walk
from tseeder_jobs.settings import Settings
from tseeder_jobs.store.lanes import Place
from tseeder_pg import Pool


@dataclass(frozen=True, slots=True)
class Media:
    """How files are looked into by ffprobe; `live`: those that are not stored yet, so many at once."""

    prober: Prober
    agents: AgentReads
    live: Semaphore = field(default_factory=lambda: Semaphore(2))


@dataclass(frozen=True, slots=True)
class Context:
    """Connections and settings. `poke_relay` makes the relay stamp and ring now, instead of at its next turn;
    `media` is None where there is no ffprobe; `absorb_now` brings the sweep of unmerged magnets forward, `erase_now`
    that of deleted accounts."""

    settings: Settings
    pool: Pool
    bus: Bus
    keyring: Keyring
    parser: ParserPool
    storage: Storage
    billing: Billing
    passwords: Scrypt
    poke_relay: Callable[[], None]
    media: Media | None = None
    absorb_now: Event = field(default_factory=Event)
    erase_now: Event = field(default_factory=Event)
    cache_checks: Semaphore = field(default_factory=lambda: Semaphore(2))  # heavy; heartbeats use the same pool
    ordering: Semaphore = field(default_factory=lambda: Semaphore(1))  # heavy, too, and only for old torrents
    told: set[str] = field(default_factory=set)  # what is logged once in the life of a process
    walk: list[Walk | None] = field(default_factory=lambda: [None])  # through the bucket, while one is under way
    walked: dict[str, Place] = field(default_factory=dict)  # by agent: up to which lane it was looked for work last
    completing: dict[UUID, Task[CompletedFile]] = field(default_factory=dict)  # by object: who asks S3 now
