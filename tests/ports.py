"""Ports of loopback that a test gives to more than one server, one after the other."""

from __future__ import annotations

import atexit
from typing import Final

from tseeder_stack.ports import Ports

PORTS: Final = Ports()
"""They stay claimed as long as the test process lives: nobody else takes them while their server is away."""
atexit.register(PORTS.close)
