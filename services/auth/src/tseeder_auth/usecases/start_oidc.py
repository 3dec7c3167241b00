"""The way to a provider."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tseeder_auth.adapters.oidc import Provider
from tseeder_auth.domain.oidc import FLOW_LIFETIME, new_flow
from tseeder_auth.store import oidc_flows
from tseeder_kit.errors import not_found
from tseeder_pg import Pool, transaction

Providers: TypeAlias = Mapping[str, Provider]
"""Those of the settings, by name."""


@dataclass(frozen=True, slots=True)
class StartedFlow:
    """Where the browser goes, and the secret that it brings back."""

    authorization_url: str
    browser_secret: str


async def start_oidc(
    pool: Pool, providers: Providers, name: str, redirect_uri: str, return_to: str, accepted_terms_version: str
) -> StartedFlow:
    """Begins a sign-in, good for ten minutes in the browser that keeps the secret. Who turns out to be new has to have
    accepted the terms at this point.

    Errors: NOT_FOUND `oidc_provider_unknown`; INVALID `bad_return_to`, `bad_redirect_uri`; UNAVAILABLE
    `oidc_unavailable`.
    """
    provider = provider_named(providers, name)
    flow = new_flow(redirect_uri, return_to, accepted_terms_version)
    url = await provider.authorization_url(flow)
    async with transaction(pool) as tx:
        await oidc_flows.insert_flow(tx, provider.name, flow, FLOW_LIFETIME)
    return StartedFlow(url, flow.browser_secret)


def provider_named(providers: Providers, name: str) -> Provider:
    """Raises NOT_FOUND `oidc_provider_unknown`."""
    provider = providers.get(name)
    if provider is None:
        raise not_found("oidc_provider_unknown", "There is no such sign-in provider.")
    return provider
