"""What a caller may do, as auth said for one credential."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tseeder_gateway.domain.credentials import Credential


@dataclass(frozen=True)
class Access:
    """A caller whose credential auth took. `identity` is the token for the services, good until `expires_at`."""

    user_id: str
    scopes: frozenset[str]
    identity: str = field(repr=False)
    expires_at: datetime
    csrf_token: str = field(repr=False)  # "" for an API key
    credential: Credential
    second_factor_required: bool = False  # an operator's scopes were taken away for want of one

    @property
    def by_session(self) -> bool:
        """Whether a browser's cookie made this request, so that another site could have caused it."""
        return self.credential.kind == "session"
