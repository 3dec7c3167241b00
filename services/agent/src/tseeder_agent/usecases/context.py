"""What the use cases of the agent work with; main.py wires it, once."""

from __future__ import annotations

from dataclasses import dataclass

from tseeder_agent.adapters.jobs import JobsClient
from tseeder_agent.adapters.s3 import PartStore
from tseeder_agent.adapters.scratch import Scratch
from tseeder_agent.adapters.scratch_reader import ScratchReader
from tseeder_agent.adapters.swarm import Swarm
from tseeder_agent.settings import Settings
from tseeder_agent.usecases.fleet import Fleet
from tseeder_agent.usecases.leftovers import Leftovers
from tseeder_agent.usecases.part_buffers import PartBuffers
from tseeder_bus import Bus


@dataclass(frozen=True, slots=True)
class Context:
    """Connections, settings, and the fleet of transfers."""

    settings: Settings
    jobs: JobsClient
    bus: Bus
    swarm: Swarm
    store: PartStore
    scratch: Scratch
    reader: ScratchReader
    buffers: PartBuffers
    leftovers: Leftovers
    fleet: Fleet
