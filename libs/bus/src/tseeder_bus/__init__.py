"""The doorbell: ring and listen on core NATS. Nothing is decided from a message, and nothing waits for one."""

from tseeder_bus.bus import Bus, connect
from tseeder_bus.messages import Message, Messages

__all__ = ["Bus", "Message", "Messages", "connect"]
