"""Sign-ins that went to a provider and have not come back."""

from datetime import timedelta
from typing import Final

from tseeder_auth.domain.oidc import Flow, TakenFlow
from tseeder_auth.domain.tokens import token_hash
from tseeder_auth.store.rows import rows_of
from tseeder_pg import Tx

INSERT_FLOW: Final[str] = """
INSERT INTO oidc_flows
    (state_hash, browser_hash, provider, nonce, code_verifier, redirect_uri, return_to, accepted_terms_version,
     expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() + $9::interval)
"""


async def insert_flow(tx: Tx, provider: str, flow: Flow, lifetime: timedelta) -> None:
    """Keeps one, without its two secrets."""
    await tx.execute(
        INSERT_FLOW,
        token_hash(flow.state),
        token_hash(flow.browser_secret),
        provider,
        flow.nonce,
        flow.code_verifier,
        flow.redirect_uri,
        flow.return_to,
        flow.accepted_terms_version,
        lifetime,
    )


TAKE_FLOW: Final[str] = """
DELETE FROM oidc_flows
WHERE state_hash = $1 AND browser_hash = $2 AND provider = $3 AND expires_at > clock_timestamp()
RETURNING nonce, code_verifier, redirect_uri, return_to, accepted_terms_version
"""


async def take_flow(tx: Tx, provider: str, state: str, browser_secret: str) -> TakenFlow | None:
    """The flow of this state, browser and provider, to whoever comes first; another browser leaves it where it is."""
    row = await tx.fetchrow(TAKE_FLOW, token_hash(state), token_hash(browser_secret), provider)
    if row is None:
        return None
    return TakenFlow(**row)


PURGE_FLOWS: Final[str] = """
DELETE FROM oidc_flows WHERE state_hash IN (
    SELECT state_hash FROM oidc_flows WHERE expires_at < clock_timestamp() LIMIT $1 FOR UPDATE SKIP LOCKED
)
"""


async def purge_flows(tx: Tx, batch: int) -> int:
    """Deletes at most `batch` that never came back; how many."""
    return rows_of(await tx.execute(PURGE_FLOWS, batch))
