"""Free TCP ports on loopback."""

from __future__ import annotations

import random
import socket

from tseeder_stack.errors import StackError

# Below the range from which Linux takes the local ports of outgoing connections (32768 and up): a port that a child
# gives up for a moment, while it is restarted, cannot be taken by somebody's connection meanwhile.
LOWEST, HIGHEST = 12_000, 32_000


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no obstacle
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


class Ports:
    """Gives out free ports, each once; prefers those of the last run, so that bookmarked URLs stay good.

    Between a port's choice and its server's first breath lie seconds, and again while a server is restarted. So that
    no other launcher chooses it meanwhile, each port is claimed until `close`, by an abstract socket of
    its number: like the port it belongs to the network namespace, and like the launcher it leaves nothing behind.
    """

    def __init__(self, remembered: dict[str, int] | None = None) -> None:
        self._remembered = remembered or {}
        self._claims: list[socket.socket] = []
        self.given: dict[str, int] = {}

    def pick(self, name: str, wanted: int = 0) -> int:
        """The port for `name`: `wanted` if it is not 0, else last run's if it is free, else a random free one.

        StackError if somebody else has the wanted one.
        """
        if wanted and not (is_free(wanted) and self._claim(wanted)):
            raise StackError(f"port {wanted}, wanted for {name}, is taken")
        port = wanted or self._last(name) or self._random()
        self.given[name] = port
        return port

    def close(self) -> None:
        """Let others have them all."""
        for claim in self._claims:
            claim.close()
        self._claims.clear()

    def _last(self, name: str) -> int:
        port = self._remembered.get(name, 0)
        return port if port and is_free(port) and self._claim(port) else 0

    def _random(self) -> int:
        while True:
            port = random.randrange(LOWEST, HIGHEST)  # noqa: S311 - nothing secret about a port
            if is_free(port) and self._claim(port):
                return port

    def _claim(self, port: int) -> bool:
        """Whether nobody, this object included, had claimed it."""
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0tseeder-port-{port}")
        except OSError:
            claim.close()
            return False
        self._claims.append(claim)
        return True
