"""The proxy that an operator puts between an agent and the swarm."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

SOCKS5: Final = "socks5"
SOCKS5H: Final = "socks5h"
HTTP: Final = "http"
_DEFAULT_PORTS: Final = {SOCKS5: 1080, SOCKS5H: 1080, HTTP: 8080}
_MAX_CREDENTIAL_BYTES: Final = 255  # RFC 1929 has one byte for the length


@dataclass(frozen=True, slots=True)
class Proxy:
    """As `curl` names them: `socks5` resolves names here, so that the IP filter sees their addresses; `socks5h` and
    `http` let the proxy resolve them, and nobody here sees where a name leads."""

    scheme: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def resolves(self) -> bool:
        """Whether names go to the proxy as they are."""
        return self.scheme != SOCKS5


def parse_proxy(url: str) -> Proxy:
    """`scheme://[user:password@]host[:port]`; ValueError that tells no part of it."""
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        raise ValueError("is no URL") from None
    if split.scheme not in _DEFAULT_PORTS:
        raise ValueError("must begin with socks5://, socks5h:// or http://")
    if not split.hostname or port == 0:
        raise ValueError("must name a host and a port")
    if split.path not in ("", "/") or split.query or split.fragment:
        raise ValueError("must end after the port")
    username, password = unquote(split.username or ""), unquote(split.password or "")
    if bool(username) != bool(password):
        raise ValueError("must have a user and a password, or neither")
    if max(len(username.encode()), len(password.encode())) > _MAX_CREDENTIAL_BYTES:
        raise ValueError(f"may have {_MAX_CREDENTIAL_BYTES} bytes for the user and the password each")
    return Proxy(split.scheme, split.hostname, port or _DEFAULT_PORTS[split.scheme], username, password)
